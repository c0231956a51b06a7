"""A stranger's code in a separate process. It has one folder to write to, and limits. Network and secrets are out of
its reach, and all of it is killed together.

By `unshare` and `setpriv` of util-linux: namespaces of users, processes, mounts, network, IPC and host names. The root
that the code sees holds only the system's libraries, this Python and esbench, read-only. Home folders, other processes
and the caller's environment are hidden. Memory, processes, disk and the clock are watched from outside.

Memory is what the processes have mapped. Kernel calls for unmapped memory (`memfd_create`, `shmget`) are refused.
Shared pages that a process let go of, and buffers of pipes, escape the count. Disk is what lies in the scratch folder
and what is open though deleted, not what is mapped, deleted and closed. The caller's keys in the kernel cannot be
reached.
"""

import contextlib
import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

import esbench
from esbench.errors import InputError
from esbench.leaderboard.verification import sandbox_root
from esbench.leaderboard.verification.sandbox_root import SCRATCH

_SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"]
_CONFIGURATION = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "passwd", "group", "nsswitch.conf"]
_DEVICES = ["null", "zero", "full", "random", "urandom"]
_WATCH_SECONDS = 0.1
_KILL_SECONDS = 10.0
_TAIL = 4000
_LINES = 1000


@dataclass(frozen=True)
class Limits:
    """seconds: on the clock. cpu_seconds: of each process. memory: bytes, of all processes together. file_size, disk:
    bytes of a file and of all that lies in the scratch folder. processes: side by side."""

    seconds: float = 6 * 3600.0
    cpu_seconds: int = 24 * 3600
    memory: int = 8 * 2**30
    file_size: int = 2**28
    disk: int = 2**30
    processes: int = 64

    @classmethod
    def of(cls, seconds: float, memory: int) -> "Limits":
        """Those of a rerun: CPU seconds are for all cores."""
        return cls(seconds=seconds, cpu_seconds=int(seconds * (os.cpu_count() or 1)) + 1, memory=memory)


@dataclass(frozen=True)
class CodeEnd:
    """status: as the process ended; negative where a signal ended it. stopped: why the sandbox ended it, None where it
    ended by itself. tail: the last it printed, printable characters only."""

    status: int
    stopped: str | None
    tail: str

    @property
    def ok(self) -> bool:
        return self.status == 0 and self.stopped is None

    @property
    def reason(self) -> str:
        """Why it is not ok, in one line."""
        if self.stopped is not None:
            return f"stopped: {self.stopped}"
        last = self.tail.strip().splitlines()[-1:] or ["it printed nothing"]
        return f"ended with status {self.status}: {last[0][:300]}"


def run(
    command: Sequence[str],
    scratch: Path,
    limits: Limits = Limits(),
    say: Callable[[str], None] = lambda line: None,
    stdin: bytes = b"",
) -> CodeEnd:
    """Runs `command`, its first word an absolute path, in the sandbox until it ends or breaks a limit.

    scratch: a folder on this side, SCRATCH and the working directory on the other; all that the command can write to.
    What it left there is untrusted. say: gets the first _LINES lines that it prints, made printable. stdin: at most
    what a pipe holds, 64 KiB. InputError where this system has no sandbox.
    """
    if (lack := missing()) is not None:
        raise InputError(f"no sandbox to run an entry's code in: {lack}")
    return _run(command, scratch, limits, say, stdin)


@functools.cache
def missing() -> str | None:
    """What this system lacks for a sandbox, None where it has one."""
    if sys.platform != "linux":
        return f"{sys.platform} has no namespaces: expected Linux"
    for tool in ("unshare", "setpriv"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed: expected util-linux"
    with tempfile.TemporaryDirectory() as scratch:
        outcome = _run([sys.executable, "-I", "-c", ""], Path(scratch), Limits(seconds=30), lambda line: None, b"")
    if outcome.ok:
        return None
    return f"namespaces cannot be made here ({outcome.reason}): expected a kernel that lets this user make them"


def _run(command: Sequence[str], scratch: Path, limits: Limits, say: Callable[[str], None], stdin: bytes) -> CodeEnd:
    with tempfile.TemporaryDirectory() as root:
        order = {
            "root": root,
            "read_only": _visible(),
            "scratch": str(scratch.resolve()),
            "limits": {
                "RLIMIT_CPU": limits.cpu_seconds,
                "RLIMIT_FSIZE": limits.file_size,
                "RLIMIT_CORE": 0,
                "RLIMIT_NOFILE": 4096,
            },
            "command": list(command),
        }
        # With this process all of it dies: unshare with its parent, what it started with unshare.
        outside = ["setpriv", "--pdeathsig", "KILL", "unshare", "--user", "--map-root-user", "--mount", "--pid"]
        outside += ["--net", "--ipc", "--uts", "--fork", "--kill-child"]
        inside = [sys.executable, "-I", "-S", sandbox_root.__file__, json.dumps(order)]
        process = subprocess.Popen(
            [*outside, *inside],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
        output = _Output(process, say)
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(stdin)
            stopped = _watch(process, scratch, limits)
        finally:
            _kill(process)
        return CodeEnd(process.returncode, stopped, output.tail())


def _environment() -> dict[str, str]:
    home = str(Path(esbench.__file__).resolve().parents[1])
    return {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        "LANG": "C.UTF-8",
        "PYTHONPATH": home,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_COMPILATION_CACHE_DIR": f"{SCRATCH}/cache",  # a new one: a shared one could be poisoned
    }


def _visible() -> list[str]:
    """What stays visible: the system's programs and libraries, Python and its packages, esbench. Real files and
    folders, parents before what is below them, and the links on the way to them."""
    package = Path(esbench.__file__).resolve().parent
    wanted = [*_SYSTEM, sys.prefix, sys.base_prefix, sys.executable, package, package.parent / "baselines"]
    wanted += [Path("/etc", name) for name in _CONFIGURATION] + [Path("/dev", name) for name in _DEVICES]
    wanted += ["/sys/devices/system", *Path("/dev").glob("nvidia*")]
    real = {Path(path).resolve() for path in wanted}
    links = {link for path in wanted for link in _links(Path(path))}
    kept: list[Path] = []
    for path in sorted(real | links):
        if path.exists() and not any(path.is_relative_to(parent) for parent in kept if not parent.is_symlink()):
            kept.append(path)
    return [str(path) for path in kept]


def _links(path: Path) -> Iterator[Path]:
    """Every link that is followed on the way to `path`, each by the real path of its folder."""
    folder, parts = Path("/"), list(path.parts[1:])
    for _ in range(1000):  # links may form a circle
        if not parts:
            return
        place = folder.parent if parts[0] == ".." else folder / parts[0]
        parts = parts[1:]
        if place.is_symlink():
            yield place
            target = place.readlink()
            folder = Path("/") if target.is_absolute() else folder
            parts = [*(part for part in target.parts if part != "/"), *parts]
        else:
            folder = place


def _watch(process: subprocess.Popen, scratch: Path, limits: Limits) -> str | None:
    """Waits for the end; why it was ended before, None otherwise."""
    start = time.monotonic()
    looks = 0
    while True:
        try:
            process.wait(_WATCH_SECONDS)
            return None
        except subprocess.TimeoutExpired:
            looks += 1
        if time.monotonic() - start > limits.seconds:
            return f"it ran for more than {limits.seconds:g} seconds"
        inside = _below(process)
        if _memory(inside) > limits.memory:
            return f"it took more than {limits.memory / 2**20:,.0f} MiB of memory"
        if len(inside) > limits.processes:
            return f"it started more than {limits.processes} processes"
        if looks % 10 == 0 and _size(scratch) + _unlinked(inside) > limits.disk:
            return f"it wrote more than {limits.disk / 2**20:,.0f} MiB"


def _below(process: subprocess.Popen) -> list[psutil.Process]:
    """All processes below it. Those whose parent died are still there: the first of a namespace inherits them."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _memory(processes: Sequence[psutil.Process]) -> int:
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _unlinked(processes: Sequence[psutil.Process]) -> int:
    """Bytes on disk of files that processes hold open and no folder has any more, each once."""
    found: dict[tuple[int, int], int] = {}
    for folder in (f"/proc/{process.pid}/fd" for process in processes):
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(folder):
                with contextlib.suppress(OSError):
                    file = os.stat(f"{folder}/{descriptor}")
                    if stat.S_ISREG(file.st_mode) and file.st_nlink == 0:
                        found[file.st_dev, file.st_ino] = file.st_blocks * 512
    return sum(found.values())


def _size(folder: Path) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except OSError:
                continue
    return total


def _kill(process: subprocess.Popen) -> None:
    """Ends the namespace, unless it has ended. Its first process is the child of `unshare`. The kernel kills all the
    others before that one is gone, and no signal handler inside can prevent it."""
    if process.poll() is not None:
        return
    with contextlib.suppress(psutil.NoSuchProcess, subprocess.TimeoutExpired):
        for first in psutil.Process(process.pid).children():
            first.kill()
        process.wait(_KILL_SECONDS)
    process.kill()
    process.wait()


class _Output:
    """What a process prints, read as it comes so that it never waits, and the end of it kept."""

    def __init__(self, process: subprocess.Popen, say: Callable[[str], None]):
        self._text = ""
        self._thread = threading.Thread(target=self._read, args=(process, say), daemon=True)
        self._thread.start()

    def _read(self, process: subprocess.Popen, say: Callable[[str], None]) -> None:
        assert process.stdout is not None
        with process.stdout:
            said = 0
            while line := process.stdout.readline(_TAIL):
                text = "".join(c for c in line.decode(errors="replace") if c.isprintable())
                self._text = (self._text + text + "\n")[-_TAIL:]
                if text and said <= _LINES:
                    say(text if said < _LINES else f"it prints more than {_LINES} lines: the others are left out")
                    said += 1

    def tail(self) -> str:
        self._thread.join(5)
        return self._text
