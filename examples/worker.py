"""A worker in plain Python: the agent `echo`, for anybody who can reach a Jupyter server with lobu_jupyter.

    LOBU_URL=http://127.0.0.1:8888/ LOBU_TOKEN=… python examples/worker.py

docs/worker-protocol.md tells the protocol; nothing of lobu_jupyter is imported.
"""

import json
import os
import threading
import time
import urllib.error
import urllib.request

API = os.environ["LOBU_URL"].rstrip("/") + "/lobu/api/"


def call(method, path, body=None, auth=""):
    """One call; repeated while the server is away. A refusal (4xx) is raised."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": auth, "Content-Type": "application/json"}
    for delay in (0.1, 0.2, 0.5, 1, 2, 5, 5, 5, 5):
        try:
            request = urllib.request.Request(API + path, data, headers, method=method)
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise
        except OSError:
            pass  # away; the same again may succeed, and does no harm
        time.sleep(delay)
    raise SystemExit("the server is gone")


def echo(prompt):
    """The agent: yields AG-UI events."""
    name = {"messageId": f"message-{time.time_ns()}"}
    yield {"type": "TEXT_MESSAGE_START", "role": "assistant", **name}
    for word in prompt.split():
        yield {"type": "TEXT_MESSAGE_CONTENT", "delta": word.upper() + " ", **name}
    yield {"type": "TEXT_MESSAGE_END", **name}


def run(task, worker):
    """One run: numbered batches, each acked before the next, and one end."""
    of = {"runId": task["runId"], "incarnation": worker["incarnation"]}
    end = {"type": "RUN_FINISHED", "threadId": task["threadId"], "runId": task["runId"]}
    for number, event in enumerate([*echo(task["messages"][-1]["content"]), end], 1):
        batch = {**of, "batch": number, "events": [event]}
        try:
            call("POST", f"workers/{worker['workerId']}/events", batch, worker["auth"])
        except urllib.error.HTTPError as error:
            return print(f"{task['runId']} is over: {error}")  # cancelled, or no longer ours


def beat(worker):
    while True:
        time.sleep(5)
        call("POST", f"workers/{worker['workerId']}/heartbeat", {}, worker["auth"])


me = {"kind": "example", "agents": [{"name": "echo", "description": "Says it again, loudly."}]}
worker = call("POST", "workers", me, f"token {os.environ['LOBU_TOKEN']}")
worker["auth"] = f"Lobu-Worker {worker['token']}"
threading.Thread(target=beat, args=(worker,), daemon=True).start()
after = 0
while True:
    for item in call(
        "GET", f"workers/{worker['workerId']}/inbox?after={after}&wait=30", None, worker["auth"]
    )["items"]:
        after = item["seq"]
        if item["kind"] == "start":
            threading.Thread(target=run, args=(item["task"], worker), daemon=True).start()
