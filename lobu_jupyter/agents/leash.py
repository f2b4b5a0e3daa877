"""Runs a command that is killed when whoever started it dies: no orphan of a worker is left.

On Linux the command is started through this file, run as a script, which asks the system for it and then
becomes the command. Elsewhere the command ends with its standard input.
"""

from __future__ import annotations

import sys


def leashed(command: list[str]) -> list[str]:
    """`command`, so that it does not outlive this process."""
    return [sys.executable, "-I", "-S", __file__, *command] if sys.platform == "linux" else command


def _become(command: list[str]) -> None:
    import ctypes
    import os
    import signal

    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(1)  # it died in between
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    _become(sys.argv[1:])
