"""What code in the sandbox can do: compute, and write to its folder."""

import ctypes
import errno
import os
import platform
import socket
import sys
import textwrap
import time
from pathlib import Path

import pytest

from esbench.errors import InputError
from esbench.leaderboard.verification import sandbox
from esbench.leaderboard.verification.sandbox import Limits

pytestmark = pytest.mark.usefixtures("needs_sandbox")


def run(code: str, scratch: Path, limits: Limits | None = None) -> sandbox.CodeEnd:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return sandbox.run(command, scratch, limits or Limits(seconds=30))


def test_computes_and_leaves_files_in_its_folder(tmp_path):
    lines = []
    command = [sys.executable, "-c", "import numpy; open('result', 'w').write('7'); print('done\\x1b[2J')"]
    outcome = sandbox.run(command, tmp_path, Limits(seconds=30), lines.append)
    assert outcome.ok
    assert (tmp_path / "result").read_text() == "7"
    assert lines == ["done[2J"]  # nothing that a terminal would obey


def test_its_input_is_read_once_and_its_lines_have_an_end(tmp_path):
    lines = []
    code = "import sys; print(sys.stdin.read()); print(sys.stdin.read() == '')\nfor n in range(5000): print(n)"
    outcome = sandbox.run([sys.executable, "-c", code], tmp_path, Limits(seconds=30), lines.append, b"a job")
    assert outcome.ok
    assert lines[:3] == ["a job", "True", "0"]
    assert lines[1000:] == ["it prints more than 1000 lines: the others are left out"]
    assert outcome.tail.endswith("4999\n")


def test_an_error_is_told_by_its_last_line(tmp_path):
    outcome = run("raise ValueError('no such luck')", tmp_path)
    assert not outcome.ok
    assert outcome.reason == "ended with status 1: ValueError: no such luck"


def test_a_loop_without_end_is_ended(tmp_path):
    start = time.monotonic()
    outcome = run("while True: pass", tmp_path, Limits(seconds=1))
    assert outcome.stopped == "it ran for more than 1 seconds"
    assert time.monotonic() - start < 5


def test_processes_that_it_leaves_behind_end_with_it(tmp_path):
    code = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            while True:
                open("alive", "w").write(str(time.time()))
                time.sleep(0.02)
        time.sleep(0.3)
    """
    assert run(code, tmp_path).ok
    before = (tmp_path / "alive").read_text()
    time.sleep(0.3)
    assert (tmp_path / "alive").read_text() == before


def test_code_that_is_no_longer_signalled_with_its_parent_ends_all_the_same(tmp_path):
    code = """
        import ctypes, time
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG
        while True:
            open("alive", "w").write(str(time.time()))
            time.sleep(0.02)
    """
    assert run(code, tmp_path, Limits(seconds=1)).stopped is not None
    before = (tmp_path / "alive").read_text()
    time.sleep(0.3)
    assert (tmp_path / "alive").read_text() == before


def test_the_process_that_all_ends_with_cannot_be_ended_or_looked_into(tmp_path):
    code = """
        import os, signal
        assert os.getpid() != 1
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM):
            os.kill(1, number)
        for name in ("environ", "mem", "root/etc"):
            try:
                print(open(f"/proc/1/{name}", "rb").read(1))
            except (PermissionError, IsADirectoryError) as error:
                assert isinstance(error, PermissionError), name
        print("tried")
    """
    outcome = run(code, tmp_path)
    assert outcome.ok, outcome
    assert outcome.tail == "tried\n"


def test_its_end_by_a_signal_is_told(tmp_path):
    assert run("import os; os.kill(os.getpid(), 9)", tmp_path).status == 137


def test_the_callers_keys_are_not_there(tmp_path):
    libc = ctypes.CDLL(None, use_errno=True)
    add_key, user_keyring, unlink = 248 if platform.machine() == "x86_64" else 217, -4, 9
    key = libc.syscall(add_key, b"user", b"esbench-test", b"do-not-tell", 11, user_keyring)
    if key == -1:
        assert ctypes.get_errno() == errno.ENOSYS  # a kernel without keyrings
    code = f"""
        import ctypes, errno
        libc = ctypes.CDLL(None, use_errno=True)
        for call in (248, 249, 250) if {platform.machine() == "x86_64"} else (217, 218, 219):
            assert libc.syscall(call, 10, {user_keyring}, b"user", b"esbench-test", 0) == -1
            assert ctypes.get_errno() == errno.ENOSYS
    """
    try:
        outcome = run(code, tmp_path)
        assert outcome.ok, outcome
    finally:
        libc.syscall(add_key + 2, unlink, key, user_keyring)


def test_memory_outside_of_processes_cannot_be_had(tmp_path):
    code = """
        import ctypes, errno, os, platform
        libc = ctypes.CDLL(None, use_errno=True)
        for call in (lambda: os.memfd_create("kept"), lambda: libc.shmget(0, 2**20, 0o1600)):
            try:
                assert call() == -1
                assert ctypes.get_errno() == errno.ENOSYS
            except OSError as error:
                assert error.errno == errno.ENOSYS
    """
    outcome = run(code, tmp_path)
    assert outcome.ok, outcome


def test_memory_is_limited_over_all_its_processes(tmp_path):
    code = """
        import os, time
        for _ in range(3):
            os.fork()
        kept = bytearray(os.urandom(1)) * (40 * 2**20)
        time.sleep(20)
    """
    outcome = run(code, tmp_path, Limits(seconds=30, memory=200 * 2**20))
    assert outcome.stopped == "it took more than 200 MiB of memory"


def test_processes_are_limited(tmp_path):
    code = """
        import os, time
        for _ in range(20):
            if os.fork() == 0:
                time.sleep(20)
        time.sleep(20)
    """
    assert run(code, tmp_path, Limits(seconds=30, processes=10)).stopped == "it started more than 10 processes"


def test_disk_and_files_are_limited(tmp_path):
    code = """
        import time
        for n in range(50):
            open(f"file-{n}", "wb").write(bytes(2**20))
        time.sleep(20)
    """
    outcome = run(code, tmp_path, Limits(seconds=30, disk=10 * 2**20))
    assert outcome.stopped == "it wrote more than 10 MiB"
    outcome = run("open('large', 'wb').write(bytes(2**21))", tmp_path, Limits(seconds=30, file_size=2**20))
    assert not outcome.ok
    assert (tmp_path / "large").stat().st_size <= 2**20


def test_files_that_were_deleted_are_counted_while_they_are_open(tmp_path):
    code = """
        import os, time
        kept = [open(f"file-{n}", "wb") for n in range(20)]
        for number, file in enumerate(kept):
            os.unlink(f"file-{number}")
            file.write(bytes(2**20))
            file.flush()
        time.sleep(20)
    """
    assert run(code, tmp_path, Limits(seconds=30, disk=10 * 2**20)).stopped == "it wrote more than 10 MiB"


def test_writes_nowhere_else(tmp_path):
    import esbench

    elsewhere = [tmp_path / "outside", Path("/usr/outside"), Path(esbench.__file__).with_name("outside.py")]
    elsewhere += [Path("/outside"), Path("/etc/outside"), Path("/proc/self/oom_score_adj"), Path(sys.prefix, "outside")]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = f"""
        for path in {[str(path) for path in elsewhere]!r}:
            try:
                open(path, "w").write("1000")
                print("wrote", path)
            except OSError:
                pass
        print("tried")
    """
    assert run(code, scratch).tail == "tried\n"
    assert not any(path.exists() for path in elsewhere if "outside" in path.name)


def test_cannot_mount_or_make_namespaces(tmp_path):
    code = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        for flags in (0x10000000, 0x00020000, 0x40000000):
            assert libc.unshare(flags) != 0, flags
        assert libc.mount(b"none", b"/", None, 32 | 4096, None) != 0
        assert libc.umount2(b"/usr", 2) != 0
        assert libc.chroot(b"/scratch") != 0
    """
    outcome = run(code, tmp_path)
    assert outcome.ok, outcome


def test_has_no_network(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"""
            import socket
            for host, port in (("127.0.0.1", {port}), ("1.1.1.1", 53)):
                try:
                    socket.create_connection((host, port), timeout=2)
                    print("connected", host)
                except OSError:
                    pass
            print("tried")
        """
        assert run(code, tmp_path).tail == "tried\n"


def test_sees_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "do-not-tell")
    secret = tmp_path / "secret"
    secret.write_text("do-not-tell")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = f"""
        import os, pathlib
        print(sorted(os.environ))
        print([p for p in os.listdir("/proc") if p.isdecimal()])
        assert b"do-not-tell" not in pathlib.Path("/proc/self/environ").read_bytes()
        assert not os.path.exists({str(secret)!r})
        assert not os.path.exists({os.path.expanduser("~/.ssh")!r})
        assert not os.path.exists("/etc/shadow")
    """
    outcome = run(code, scratch)
    assert outcome.ok, outcome
    assert "SECRET_TOKEN" not in outcome.tail
    assert "['1', '2']" in outcome.tail


def test_says_what_is_missing(tmp_path, monkeypatch):
    sandbox.missing.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no sandbox to run an entry's code in: unshare is not installed"):
        run("pass", tmp_path)
    sandbox.missing.cache_clear()


def test_links_on_the_way_are_found(tmp_path):
    real = tmp_path.resolve()
    (real / "versions" / "3.11.7" / "bin").mkdir(parents=True)
    (real / "versions" / "3.11").symlink_to("3.11.7")
    (real / "current").symlink_to(real / "versions" / "3.11")
    (real / "versions" / "3.11.7" / "bin" / "python").symlink_to("../bin/python3")
    links = list(sandbox._links(real / "current" / "bin" / "python"))
    assert links == [real / "current", real / "versions" / "3.11", real / "versions" / "3.11.7" / "bin" / "python"]


def test_nothing_private_is_visible():
    """Folders of people and of the checkout itself stay out: only what Python and esbench need of them."""
    import esbench

    visible = {Path(path) for path in sandbox._visible()}
    assert not visible & {
        Path("/"),
        Path.home(),
        Path(esbench.__file__).resolve().parents[1],
        Path("/etc"),
        Path("/dev"),
    }
