"""A wrapper for commands that ends a command, with all that it started, when its starter dies, without orphans.

On Linux the command is started through this file, run as a script. The script stays beside the command and adopts
its orphans. It kills all of them when the command ends, when it gets SIGTERM, and when its own parent dies, also by
SIGKILL (then the system sends SIGTERM). Elsewhere the command ends with its standard input.
"""

from __future__ import annotations

import os
import signal
import sys

_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36  # prctl(2)


def leashed(command: list[str]) -> list[str]:
    """Return `command`, wrapped so that neither it nor its children outlive this process."""
    return [sys.executable, "-I", "-S", __file__, *command] if sys.platform == "linux" else command


def _mind(command: list[str]) -> int:
    """Run the command to its end. Return its exit code, or as shells do 128 plus the signal that ended it."""
    import ctypes

    parent = os.getppid()
    signal.signal(signal.SIGTERM, _stop)
    prctl = ctypes.CDLL(None).prctl
    prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:
        return 1  # the parent died in between
    try:
        child = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    os.close(0)  # the pipes are the command's alone: its end closes them
    os.close(1)
    while True:
        ended, status = os.wait()
        if ended == child:
            _kill_all()
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code


def _stop(signum: int, frame: object) -> None:
    _kill_all()
    os._exit(128 + signum)


def _kill_all() -> None:
    """Kill all descendants. Their orphans become our children, and are killed in the next round."""
    while children := _descendants():
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.wait()
        except ChildProcessError:
            return


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:  # the process has ended
            continue
        if state != b"Z" or int(parent) == os.getpid():
            parents[int(name)] = int(parent)
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


if __name__ == "__main__":
    sys.exit(_mind(sys.argv[1:]))
