"""A limit, from the server's configuration to a person's decision, with real processes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.providers import Call, Provider, calls, says
from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import RealServer


def test_an_own_limit_asks_and_the_servers_ends_the_run_with_what_it_had(tmp_path: Path) -> None:
    with Provider() as provider:
        chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k"}
        options = [
            f"--LobuApp.providers={json.dumps({'chat': chat})}",
            '--LobuApp.budgets={"thread": {"tokens": 40}}',
        ]
        server = RealServer(tmp_path / "server", options=options).start()
        try:
            person, http = Person(server), server.client()
            own = {"thread": {"tokens": 20}}
            view = person.ok(http.put("budget", json=own))
            assert view["limits"]["own"]["thread"]["tokens"] == 20
            over = http.put("budget", json={"thread": {"tokens": 41}})
            assert (over.status_code, over.json()["error"]["field"]) == (422, "thread.tokens")

            # each answer counts 11 and 7 tokens, as its provider says
            look = Call("list_variables")
            provider.script = [calls(look), calls(look), calls(look), says("never")]
            thread = person.thread()
            started = person.start(thread, "go", agent="assistant", model="chat:m")
            person.finish(thread, started["runId"])

            (waits,) = person.interrupts(thread)
            assert waits["toolName"] == "continue_over_budget"
            assert waits["args"]["most"] == 20
            spent = waits["args"]["used"]
            assert len(provider.requests) == 2

            events = person.finish(thread, person.approve(thread)["runId"])

            (end,) = ends_of(events)
            assert (end["type"], end["code"]) == ("RUN_ERROR", "budget_exceeded")
            assert "this server's limit in one chat is 40 tokens" in end["message"]
            assert "never" not in text_of(events)
            used = person.ok(http.get("budget", params={"threadId": thread}))["used"]
            assert used["thread"]["tokens"] == len(provider.requests) * spent // 2
            assert used["thread"]["unpriced"] == len(provider.requests)
        finally:
            server.stop()
