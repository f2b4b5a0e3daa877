"""Runs a command that ends, with all that it started, when whoever started it dies: no orphan is left.

On Linux the command is started through this file, run as a script: it stays beside the command, adopts what the
command leaves behind, and kills all of it when the command ends, when it is told to (SIGTERM), and when its own
parent dies, also by SIGKILL (then the system sends that signal). Elsewhere the command ends with its standard input.
"""

from __future__ import annotations

import os
import signal
import sys

_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36  # prctl(2)


def leashed(command: list[str]) -> list[str]:
    """`command`, so that neither it nor its children outlive this process."""
    return [sys.executable, "-I", "-S", __file__, *command] if sys.platform == "linux" else command


def _mind(command: list[str]) -> int:
    """Run the command to its end; its exit code, or 128 and the signal that ended it, as shells have it."""
    import ctypes

    parent = os.getppid()
    signal.signal(signal.SIGTERM, _stop)
    prctl = ctypes.CDLL(None).prctl
    prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:
        return 1  # it died in between
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
    """Kill all descendants; what they leave behind becomes our child, and is killed in the next round."""
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
        except OSError:  # it has ended
            continue
        if state != b"Z" or int(parent) == os.getpid():
            parents[int(name)] = int(parent)
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


if __name__ == "__main__":
    sys.exit(_mind(sys.argv[1:]))
