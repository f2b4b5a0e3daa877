"""A nightly run asks, and its question reaches a person by a webhook: the examples of docs/webhooks.md, with real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.ports import take
from tests.receiver import SECRET
from tests.scenarios.person import Person
from tests.servers import REPOSITORY, RealServer, wait_for

EXAMPLES = REPOSITORY / "examples" / "webhooks"


def test_a_question_of_a_nightly_run_reaches_a_person_by_the_webhook(tmp_path: Path) -> None:
    port, told = take(), tmp_path / "told"
    hook = {"url": f"http://127.0.0.1:{port}/a-long-secret-path", "secret": "env:HOOK_SECRET"}
    server = RealServer(
        tmp_path / "server",
        options=[
            f"--LobuApp.webhooks={json.dumps({'chat': hook})}",
            "--LobuApp.public_url=https://lab.example.org/",
        ],
        env={"HOOK_SECRET": SECRET},
    )
    with told.open("wb") as output:
        receiver = subprocess.Popen(
            [sys.executable, str(EXAMPLES / "receiver.py"), str(port)],
            stdout=output,
            env={**os.environ, "HOOK_SECRET": SECRET},
        )
    try:
        server.start()
        look = "run import os; print([v for n, v in os.environ.items() if n == 'HOOK_SECRET'])"
        command = ["sh", str(EXAMPLES / "nightly.sh"), "sales of 'June'.ipynb", look, "script"]
        env = {**os.environ, "LOBU_URL": server.url, "LOBU_TOKEN": server.token}
        runs = {
            subprocess.run(
                command, env=env, capture_output=True, text=True, check=True, timeout=60
            ).stdout.strip()
            for _ in range(2)
        }
        assert len(runs) == 1  # the same night again is the same run
        line = wait_for(
            "the question", lambda: next((s for s in told.read_text().splitlines() if "approval" in s), "")
        )
        assert line.endswith(
            "Nightly sales of 'June'.ipynb needs your approval. "
            "https://lab.example.org/lab/tree/sales%20of%20%27June%27.ipynb"
        )
        person = Person(server)
        thread = person.run(next(iter(runs)))["threadId"]
        events = person.finish(thread, person.approve(thread)["runId"])
        assert SECRET not in json.dumps(events)
        wait_for("the end", lambda: "succeeded" in told.read_text())
        (state,) = person.ok(server.client().get("health"))["webhooks"]
        assert (state["name"], state["host"], state["failed"]) == ("chat", "127.0.0.1", 0)
        assert "a-long-secret-path" not in json.dumps(state) + server.log()
    finally:
        server.stop()
        receiver.kill()
        receiver.wait(timeout=10)
