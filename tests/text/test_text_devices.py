"""Several devices share a population: its votes are whole numbers, so nothing changes."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_generation_is_the_same_on_several_devices(verses):
    script = Path(__file__).with_name("on_devices.py")
    environment = os.environ | {
        "JAX_NUM_CPU_DEVICES": "3",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run([sys.executable, script, verses], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the same\n"
