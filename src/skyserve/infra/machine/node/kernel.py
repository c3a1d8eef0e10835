"""System calls that Python's standard library lacks before 3.12, or altogether."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_PR_SET_PDEATHSIG = 1
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for fresh ones. Raises OSError."""
    _checked(_libc.unshare(flags), f"unshare(0x{flags:x})")


def die_with_parent(signal: int) -> None:
    """Let the kernel send us `signal` when our parent ends, however it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal), "prctl(PR_SET_PDEATHSIG)")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2). Raises OSError."""
    encoded = kind.encode() if kind else None
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), encoded, ctypes.c_ulong(flags), data.encode() if data else None
    )
    _checked(result, f"mount({source} on {target})")


def change_root(new_root: str) -> None:
    """Make `new_root`, a mount point, the root of this mount namespace and let go of the old one. Raises OSError."""
    number = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"pivot_root on {os.uname().machine} is not known")
    os.chdir(new_root)
    _checked(_libc.syscall(number, b".", b"."), f"pivot_root({new_root})")
    _checked(_libc.umount2(b".", MNT_DETACH), "umount2(old root)")
    os.chdir("/")


def map_own_identity(uid: int, gid: int, outer_uid: int, outer_gid: int) -> None:
    """In a fresh user namespace, be `uid` and `gid` inside, which are `outer_uid` and `outer_gid` outside."""
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {outer_uid} 1")
    _write("/proc/self/gid_map", f"{gid} {outer_gid} 1")


def loopback_up() -> None:
    """Bring up `lo` in this network namespace. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16s16x", b"lo")
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, name), 16)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none, or only its remains."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            # The name, in brackets, may itself hold brackets and blanks.
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
