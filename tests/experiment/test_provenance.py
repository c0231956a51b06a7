"""What a manifest says of where and with what a run was computed."""

import os
import subprocess

import pytest

import esbench
from esbench.doctor import examine
from esbench.experiment.one_run import checkout as of_checkout
from esbench.experiment.one_run.provenance import processor
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


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout that esbench seems to run from, asked anew; gives its folder and its commit."""
    root = tmp_path / "checkout"
    (root / "esbench").mkdir(parents=True)
    (root / "esbench" / "__init__.py").touch()
    monkeypatch.setattr(esbench, "__file__", str(root / "esbench" / "__init__.py"))
    commit = committed(root)
    of_checkout._checkout.cache_clear()
    yield root, commit
    of_checkout._checkout.cache_clear()


def committed(root):
    """The commit of a new repository of what is in `root`."""
    settings = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (["init", "-q"], ["add", "-A"], [*settings, "commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True).stdout.strip()


def others(root, monkeypatch):
    """Makes the checkout another user's."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    if os.geteuid() == 0:
        for path in (root, *root.rglob("*")):
            os.chown(path, 12345, 12345)
    refused = subprocess.run(["git", "-C", root, "status"], capture_output=True, text=True)
    assert "dubious ownership" in refused.stderr


def test_the_commit_of_another_users_checkout_is_found(checkout, monkeypatch):
    root, commit = checkout
    others(root, monkeypatch)
    assert of_checkout.commit() == (commit, False)
    assert of_checkout.commit_problem() is None


def test_a_new_file_in_another_users_checkout_is_seen_whatever_git_is_told_to_show(checkout, monkeypatch):
    root, commit = checkout
    others(root, monkeypatch)
    (root / "esbench" / "new.py").touch()
    for name, value in {"COUNT": "1", "KEY_0": "status.showUntrackedFiles", "VALUE_0": "no"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert of_checkout.commit() == (commit, True)


def test_modes_that_a_shared_disk_changes_are_no_change(checkout):
    root, commit = checkout
    (root / "esbench" / "__init__.py").chmod(0o777)
    assert of_checkout.commit() == (commit, False)


@pytest.mark.parametrize("names", [("GIT_DIR",), ("GIT_DIR", "GIT_WORK_TREE"), ("GIT_INDEX_FILE",)])
def test_another_repository_that_git_was_pointed_to_is_not_taken_for_it(checkout, tmp_path, monkeypatch, names):
    """As in a hook, or in a command that an alias of git's starts."""
    _, commit = checkout
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").touch()
    assert committed(other) != commit
    values = {"GIT_DIR": ".git", "GIT_WORK_TREE": "", "GIT_INDEX_FILE": ".git/index"}
    for name in names:
        monkeypatch.setenv(name, str(other / values[name]))
    assert of_checkout.commit() == (commit, False)


def test_a_checkout_that_git_cannot_read_is_said(checkout, echo, tmp_path, capsys):
    root, _ = checkout
    (root / ".git" / "HEAD").write_text("nonsense")
    assert of_checkout.commit() == (None, None)
    said = f"the commit and uncommitted changes of {root} cannot be recorded: fatal: not a git repository"
    assert of_checkout.commit_problem().startswith(said)
    assert said in dict(examine_until("esbench"))["esbench"]
    esbench.run(**echo, steps=100, out=tmp_path / "runs")
    assert f"warning: {said}" in capsys.readouterr().err


def test_a_machine_without_git_is_said_and_an_installed_package_is_not(checkout, tmp_path, monkeypatch):
    root, _ = checkout
    monkeypatch.setenv("PATH", str(tmp_path))
    assert of_checkout.commit() == (None, None)
    assert "git cannot be run: No such file or directory" in of_checkout.commit_problem()
    (root / ".git").rename(tmp_path / "elsewhere")
    of_checkout._checkout.cache_clear()
    assert of_checkout.commit() == (None, None)
    assert of_checkout.commit_problem() is None


def examine_until(last):
    for name, found in examine():
        yield name, found
        if name == last:
            return
