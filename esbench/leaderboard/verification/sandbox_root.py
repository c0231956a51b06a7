"""The inside of the sandbox: makes a read-only root, and runs a command there without privileges.

Run by `sandbox.run` as a file, below `unshare`, with one argument: JSON. Its names are `root` (an empty folder, the
mount point), `read_only` (paths that stay visible), `scratch` (the folder that becomes SCRATCH), `limits` (of
`resource`, by name) and `command`. The standard library only; nothing of the command's is imported here.

The command is a child: this process stays the namespace's first, which nothing inside can end, and with which all ends.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

SCRATCH = "/scratch"

_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_SYS_MOUNT_SETATTR = 442  # the same on every architecture; Linux 5.12
_PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 22, 24, 38
_SECCOMP_MODE_FILTER, _SECCOMP_ALLOW, _SECCOMP_ERRNO, _SECCOMP_KILL = 2, 0x7FFF0000, 0x00050000, 0x80000000
_BPF_LOAD, _BPF_EQUAL, _BPF_AT_LEAST, _BPF_RETURN = 0x20, 0x15, 0x35, 0x06
_SECCOMP_NUMBER, _SECCOMP_ARCHITECTURE = 0, 4  # where the kernel puts them
_ENOSYS = 38
_REFUSED = {
    # add_key, request_key, keyctl: the caller's keys. shmget, memfd_create, memfd_secret: memory that no process has.
    "x86_64": (0xC000003E, (248, 249, 250, 29, 319, 447)),
    "aarch64": (0xC00000B7, (217, 218, 219, 194, 279, 447)),
}
"""By machine: its number in the kernel's audit, and system calls that are not there inside."""

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def _check(what: str, status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    arguments = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None)
    _check(f"mount {target}", _libc.mount(*arguments))


def _restrict(target: str, attributes: int, below: bool = True) -> None:
    """Adds attributes to a mount, and to all below it; those that it has stay."""
    wanted = _MountAttributes(set=attributes)
    flags = _AT_RECURSIVE if below else 0
    arguments = (_AT_FDCWD, target.encode(), flags, ctypes.byref(wanted), ctypes.sizeof(wanted))
    _check(f"mount_setattr {target}", _libc.syscall(_SYS_MOUNT_SETATTR, *arguments))


def _bind(source: Path, target: str, attributes: int) -> None:
    place = Path(target)
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount(str(source), target, flags=_MS_BIND | _MS_REC)
    _restrict(target, attributes)


def enter(root: str, read_only: list[str], scratch: str) -> None:
    """Makes `root` the root: only what is named is there."""
    _mount("none", "/", flags=_MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    for path in read_only:
        source = Path(path)
        if source.is_symlink():  # such as /lib -> usr/lib
            link = Path(root + path)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.readlink(source))
        elif source.exists():
            _bind(source, root + path, _ATTR_RDONLY | _ATTR_NOSUID | (0 if path.startswith("/dev/") else _ATTR_NODEV))
    _bind(Path(scratch), root + SCRATCH, _ATTR_NOSUID | _ATTR_NODEV)
    for name in ("tmp", "dev/shm"):
        place = Path(root) / name
        place.parent.mkdir(exist_ok=True)
        if not place.exists():  # Python or esbench may lie below /tmp
            place.symlink_to(SCRATCH)
    os.mkdir(root + "/proc")
    _mount("proc", root + "/proc", "proc", _MS_NOSUID | _MS_NODEV)
    os.chdir(root)
    _check("pivot_root", _libc.pivot_root(b".", b"."))
    _check("umount", _libc.umount2(b".", _MNT_DETACH))
    # In a user namespace below this one the command would be root again, if over nothing that is here.
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    # A caller who is root can write the kernel's settings, also without capabilities.
    _restrict("/proc", _ATTR_RDONLY)
    _restrict("/", _ATTR_RDONLY, below=False)  # the scratch folder stays writable
    os.chdir(SCRATCH)


def give_up_privileges(limits: dict[str, int]) -> None:
    """Drops all capabilities from the next exec on, for good, and sets the limits."""
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # the last one that this kernel knows is behind us
    _check("no_new_privs", _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def refuse_calls() -> None:
    """The calls of _REFUSED fail with ENOSYS from here on, in all children too; other machines' calls kill."""
    if platform.machine() not in _REFUSED:
        raise OSError(f"no list of system calls for {platform.machine()}")
    architecture, numbers = _REFUSED[platform.machine()]
    # (operation, jump where true, jump where false, operand): jumps count the instructions that are left out.
    program = [
        (_BPF_LOAD, 0, 0, _SECCOMP_ARCHITECTURE),
        (_BPF_EQUAL, 1, 0, architecture),
        (_BPF_RETURN, 0, 0, _SECCOMP_KILL),
        (_BPF_LOAD, 0, 0, _SECCOMP_NUMBER),
        (_BPF_AT_LEAST, len(numbers) + 1, 0, 1 << 30),  # x32's numbers for the same calls
        *((_BPF_EQUAL, len(numbers) - i, 0, number) for i, number in enumerate(numbers)),
        (_BPF_RETURN, 0, 0, _SECCOMP_ALLOW),
        (_BPF_RETURN, 0, 0, _SECCOMP_ERRNO | _ENOSYS),
    ]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
    filter_program = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(instructions)))
    _check("seccomp", _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filter_program, 0, 0))


def wait_for(child: int) -> int:
    """Reaps what ends until `child` does; its status as a shell says it."""
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main() -> None:
    order = json.loads(sys.argv[1])
    enter(order["root"], order["read_only"], order["scratch"])
    # The command has this process's user without its capabilities. So it cannot look into this process, and only
    # signals with a handler here arrive.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if child := os.fork():
        os._exit(wait_for(child))
    give_up_privileges(order["limits"])
    refuse_calls()
    # The capabilities that are still held go with this: the bounding set is empty.
    os.execv(order["command"][0], order["command"])


if __name__ == "__main__":
    main()
