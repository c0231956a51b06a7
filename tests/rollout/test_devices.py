"""A population's work shared out over devices gives what one device gives."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("devices", [4, pytest.param(8, marks=pytest.mark.slow)])
def test_devices_together_do_what_one_does(devices):
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    process = subprocess.run(
        [sys.executable, "-m", "tests.rollout.on_devices", str(devices)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
