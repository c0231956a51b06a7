"""What a manifest says of where and with what a run was computed."""

import pytest

from esbench.experiment.provenance import processor
from esbench.plugins import load_object, sources

EPYC = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: {name}
flags\t\t: fpu avx2
power management:

processor\t: 1
cpu family\t: 26
model\t\t: 2
model name\t: another
"""
GRAVITON = "processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (EPYC.format(name="AMD EPYC 7763 64-Core Processor"), "AMD EPYC 7763 64-Core Processor"),
        (EPYC.format(name="AMD EPYC"), "AMD EPYC (family 25, model 1)"),
        (GRAVITON, "aarch64 (part 0xd40)"),
        ("", "aarch64"),
    ],
)
def test_processors_of_one_name_are_told_apart(cpuinfo, expected, monkeypatch):
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert processor(cpuinfo) == expected


def test_a_file_that_changes_after_it_was_loaded_is_recorded_as_it_runs(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("class Mine: pass\n")
    mine = load_object(f"{file}:Mine")
    file.write_text("class Mine: changed = True\n")
    assert sources(mine) == {file.resolve(): b"class Mine: pass\n"}
