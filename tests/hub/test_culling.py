"""A hub's culler, with its defaults but for the time: it takes no server whose run runs, and a question survives it.

Nobody looks at the server meanwhile, because each request through the proxy counts as activity.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenarios.person import Person, text_of
from tests.servers import wait_for

from .conftest import WHOLE
from .hub import BIN, Hub

IDLE_SECONDS = 3
RUN_SECONDS = 3 * IDLE_SECONDS


@contextmanager
def culler(hub: Hub) -> Iterator[None]:
    """Have a culler look each second for servers that were idle for some."""
    command = [BIN / "python", "-m", "jupyterhub_idle_culler", f"--url={hub.url}hub/api"]
    with (hub.home / "culler.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, f"--timeout={IDLE_SECONDS}", "--cull-every=1"],
            env={**os.environ, "JUPYTERHUB_API_TOKEN": hub.token},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


@WHOLE
def test_a_server_is_not_culled_while_a_run_runs_and_then_it_is(hub: Hub, tmp_path: Path) -> None:
    server, done = hub.server("ada", "culled"), tmp_path / "done"
    ada = Person(server)  # pyright: ignore[reportArgumentType]
    thread = ada.thread(kernelId=server.start_kernel())
    lines = f"run import time; time.sleep({RUN_SECONDS}); open({str(done)!r}, 'w').close()"
    run = ada.start(thread, lines, mode="allow")["runId"]
    pid = server.pid

    with culler(hub):
        wait_for("the end of the run, unseen", done.exists, RUN_SECONDS + 30)
        assert server.model, "it was culled while its run ran"
        assert server.pid == pid
        wait_for("the culler", lambda: server.model is None, 30)

    assert Person(hub.server("ada", "culled")).run(run)["status"] == "succeeded"  # pyright: ignore[reportArgumentType]


@WHOLE
def test_a_question_survives_the_culler_and_says_what_is_gone(hub: Hub) -> None:
    server = hub.server("bob")
    bob = Person(server)  # pyright: ignore[reportArgumentType]
    thread = bob.thread(kernelId=server.start_kernel("a.ipynb"), notebookPath="a.ipynb")
    bob.finish(thread, bob.start(thread, "run 6 * 7")["runId"])
    assert not bob.interrupts(thread)[0]["kernelLost"]

    with culler(hub):
        wait_for("the culler", lambda: server.model is None, 30)

    again = Person(hub.server("bob"))  # pyright: ignore[reportArgumentType]
    (question,) = again.interrupts(thread)
    assert question["kernelLost"], "its variables are gone, which the card says"
    assert again.resume(thread, {"approved": True}).status_code == 409, "there is no kernel to run it in"
    server.start_kernel("a.ipynb")
    run = again.approve(thread)["runId"]
    assert "42" in text_of(again.finish(thread, run))
