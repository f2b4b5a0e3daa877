"""A run that runs is activity; one that waits, a warm worker and a reader are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .test_streams import Stream
from .wire import PlainWorker, Wire

LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def lobu(wire: Wire) -> Any:
    return wire.app.web_app.settings["lobu"]


@pytest.mark.scenario("W21")
async def test_a_running_run_is_activity_until_it_waits(wire: Wire, lobu: Any) -> None:
    worker = await PlainWorker.register(wire)
    thread = (await wire.ok("POST", "threads"))["threadId"]
    await wire.service.activity.look()
    assert lobu.current_activity() is None

    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"})
    task = await worker.task()
    await wire.service.activity.look()
    assert lobu.current_activity() == {"runs": 1}
    assert wire.app.web_app.last_activity() > LONG_AGO

    await worker.ask(task)
    await wire.service.activity.look()
    assert lobu.current_activity() is None


@pytest.mark.scenario("W21")
async def test_the_kernel_of_a_running_run_counts_as_active(wire: Wire) -> None:
    await PlainWorker.register(wire)
    kernel_id = await wire.app.kernel_manager.start_kernel()
    kernel = wire.app.kernel_manager.get_kernel(kernel_id)
    thread = (await wire.ok("POST", "threads", {"kernelId": kernel_id}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"})
    kernel.last_activity = LONG_AGO

    await wire.service.activity.look()

    assert kernel.last_activity > LONG_AGO


@pytest.mark.scenario("W21")
async def test_workers_readers_and_health_are_no_activity(wire: Wire) -> None:
    worker = await PlainWorker.register(wire)
    thread = (await wire.ok("POST", "threads"))["threadId"]
    wire.app.web_app.settings["api_last_activity"] = LONG_AGO

    await wire.ok("POST", f"workers/{worker.worker_id}/heartbeat", headers=worker.headers)
    await worker.tasks(wait=0)
    await wire.ok("GET", "health")
    await wire.events(thread)
    stream = Stream(wire, f"threads/{thread}/events")
    await stream.until(b": \n\n")
    await stream.leave()

    assert wire.app.web_app.settings["api_last_activity"] == LONG_AGO
    await wire.ok("GET", "threads")
    assert wire.app.web_app.settings["api_last_activity"] > LONG_AGO
