"""Metrics for operators: Prometheus on Jupyter's ``/metrics``, and Jupyter's structured events.

They carry numbers, ids and states, but never content, and no id in a metric's label. Metrics use
prometheus_client's default registry, as jupyter_server's own do, so they count over the process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from jupyter_events import EventLogger

SCHEMAS = Path(__file__).parent / "event_schemas"
RUN = "https://events.jupyter.org/lobu_jupyter/run/v1"
DECISION = "https://events.jupyter.org/lobu_jupyter/decision/v1"

RUNS_STARTED = Counter("lobu_runs_started", "Runs that began.")
RUNS_ENDED = Counter("lobu_runs_ended", "Runs that ended, by how they did.", ["status"])
DECISIONS = Counter("lobu_decisions", "Questions that a person decided, by kind.", ["kind"])
EVENTS = Counter("lobu_events_appended", "Events that workers wrote to the journal.")
INGEST = Histogram(
    "lobu_ingest_seconds",
    "From a worker's batches to their commit; those of one message count once.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
FOLLOWERS = Gauge("lobu_followers", "Streams and sockets that follow a thread now.")
WEBHOOKS = Counter("lobu_webhook_deliveries", "Attempts to tell a webhook, by how they ended.", ["outcome"])
WAITING = Gauge("lobu_waiting_interrupts", "Questions that wait on a person, in the pool of this server.")
_QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
COMMIT = Histogram(
    "lobu_store_commit_seconds", "A commit of the store, with the statements before it.", buckets=_QUICK
)
WAKEUP = Histogram(
    "lobu_store_wakeup_seconds",
    "From another server's notice of a commit to its arrival here.",
    buckets=_QUICK,
)
CONNECTIONS = Gauge("lobu_store_connections", "Connections to the store's database that this server keeps.")
CLOCK = Gauge("lobu_store_clock_offset_seconds", "How far the store's clock is ahead of this machine's.")
NOTICES = Gauge(
    "lobu_store_notices", "Whether notices of other servers are heard (1), or the store is polled (0)."
)


class Watching:
    """The gateway's observer. ``events`` is None if there is no event logger."""

    def __init__(self, events: EventLogger | None = None) -> None:
        self._events = events
        if events is not None:
            for name in ("run.yaml", "decision.yaml"):
                events.register_event_schema(SCHEMAS / name)

    def run_began(self, run_id: str, thread_id: str, agent: str) -> None:
        RUNS_STARTED.inc()
        self._emit(RUN, action="start", runId=run_id, threadId=thread_id, agent=agent)

    def run_ended(self, run_id: str, thread_id: str, agent: str, status: str, code: str | None) -> None:
        RUNS_ENDED.labels(status).inc()
        more = {} if code is None else {"code": str(code)}
        self._emit(
            RUN, action="end", runId=run_id, threadId=thread_id, agent=agent, status=str(status), **more
        )

    def decided(self, run_id: str, thread_id: str, kind: str, via: str) -> None:
        DECISIONS.labels(kind).inc()
        self._emit(DECISION, runId=run_id, threadId=thread_id, decision=kind, via=via)

    def ingested(self, events: int, seconds: float) -> None:
        EVENTS.inc(events)
        INGEST.observe(seconds)

    def attached(self, change: int) -> None:
        FOLLOWERS.inc(change)

    def waiting(self, interrupts: int) -> None:
        WAITING.set(interrupts)

    def committed(self, seconds: float) -> None:
        COMMIT.observe(seconds)

    def heard(self, seconds: float) -> None:
        WAKEUP.observe(seconds)

    def store_seen(self, facts: dict[str, Any]) -> None:
        CONNECTIONS.set(facts.get("connections", 2))
        CLOCK.set(facts.get("clockOffset", 0.0))
        NOTICES.set(facts.get("notices", False))

    def _emit(self, schema: str, **data: Any) -> None:
        if self._events is not None:
            self._events.emit(schema_id=schema, data=data)
