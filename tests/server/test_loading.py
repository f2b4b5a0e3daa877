"""The extension is loaded into a server that has loaded much: it does not pay for that server's garbage."""

from __future__ import annotations

import subprocess
import sys

LOAD = """
import gc
import jupyter_server.serverapp
import lobu_jupyter
before = len(gc.get_objects())
lobu_jupyter._jupyter_server_extension_points()
print(before, gc.get_freeze_count())
"""


def test_what_jupyter_has_loaded_is_not_collected_while_we_load() -> None:
    said = subprocess.run([sys.executable, "-c", LOAD], stdout=subprocess.PIPE, text=True, check=True).stdout

    before, frozen = map(int, said.split())

    assert frozen > 0.9 * before
