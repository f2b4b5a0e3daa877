"""The verdict: what the people were told is held against the store, read with sqlite3 alone."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from .people import Record

LIVE = ("queued", "running")
ENDS = ("RUN_FINISHED", "RUN_ERROR")
NO_KERNEL = ("No kernel is running for this notebook.", "The kernel of this notebook cannot be reached")
MARK = re.compile(r"write\('(story[\w-]+)")


@dataclass
class Verdict:
    """What was lost, doubled or wrong; all empty is what is promised."""

    lost_events: list[str] = field(default_factory=list)
    doubled_events: list[str] = field(default_factory=list)
    runs_without_one_end: list[str] = field(default_factory=list)
    tools_without_decision: list[str] = field(default_factory=list)
    tools_twice: list[str] = field(default_factory=list)
    lost_effects: list[str] = field(default_factory=list)
    half_pauses: list[str] = field(default_factory=list)
    decisions_twice: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def failures(self) -> dict[str, list[str]]:
        return {name: found for name, found in vars(self).items() if isinstance(found, list) and found}


def judge(store: Path, ran: Path, record: Record, orphans: list[int]) -> Verdict:
    with sqlite3.connect(store) as connection:
        connection.row_factory = sqlite3.Row
        verdict = Verdict(problems=list(record.problems), orphans=[str(pid) for pid in orphans])
        journals = _journals(connection, verdict)
        _readers(record, journals, verdict)
        _runs(connection, record, verdict)
        _pauses(connection, record, verdict)
        _tools(connection, ran, record, verdict)
    verdict.counts |= {
        "events": sum(len(journal) for journal in journals.values()),
        "runs": len(record.runs),
        "readers": len(record.readers),
        "connections": sum(reader.connections for reader in record.readers),
        "decisions": sum(1 for told in record.resumed.values() if told),
        "tools run": len(ran.read_text().splitlines()),
    }
    return verdict


def _journals(connection: sqlite3.Connection, verdict: Verdict) -> dict[str, list[str]]:
    journals: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute("SELECT thread_id, seq, body FROM events ORDER BY thread_id, seq"):
        journal = journals[row["thread_id"]]
        if row["seq"] != len(journal) + 1:
            verdict.lost_events.append(f"{row['thread_id']}: {row['seq']} follows {len(journal)}")
        journal.append(row["body"].decode())
    return journals


def _readers(record: Record, journals: dict[str, list[str]], verdict: Verdict) -> None:
    for reader in record.readers:
        seqs = [seq for seq, _ in reader.seen]
        if len(set(seqs)) != len(seqs):
            verdict.doubled_events.append(f"{reader.thread}: {len(seqs) - len(set(seqs))} came twice")
        journal = journals[reader.thread]
        told = list(enumerate(journal[reader.start :], reader.start + 1))
        if reader.seen != told[: len(reader.seen)]:
            verdict.lost_events.append(f"{reader.thread}: a reader's sequence is not the journal's")


def _runs(connection: sqlite3.Connection, record: Record, verdict: Verdict) -> None:
    ends: Counter[str] = Counter()
    for row in connection.execute("SELECT run_id, body FROM events WHERE run_id IS NOT NULL"):
        ends[row["run_id"]] += json.loads(row["body"])["type"] in ENDS
    rows = {row["run_id"]: row["status"] for row in connection.execute("SELECT run_id, status FROM runs")}
    for run in record.runs.keys() - rows.keys():
        verdict.runs_without_one_end.append(f"{run} was accepted and is not there")
    for run, status in rows.items():
        if ends[run] != 1 or status in LIVE:
            verdict.runs_without_one_end.append(f"{run} is {status} and has {ends[run]} ends")
    verdict.counts |= Counter(rows.values())
    leases = connection.execute("SELECT count(*) FROM leases").fetchone()[0]
    if leases:
        verdict.runs_without_one_end.append(f"{leases} leases are left")


def _pauses(connection: sqlite3.Connection, record: Record, verdict: Verdict) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    decided: Counter[tuple[str, str]] = Counter()
    for row in connection.execute("SELECT thread_id, run_id, body FROM events WHERE run_id IS NOT NULL"):
        event = json.loads(row["body"])
        outcome = event.get("outcome") or {}
        if event["type"] == "RUN_FINISHED" and outcome.get("type") == "interrupt":
            asked[row["run_id"]] = {interrupt["id"] for interrupt in outcome["interrupts"]}
        if event.get("name") == "lobu.decision":
            decided[row["thread_id"], event["value"]["decision"]["interruptId"]] += 1
    kept: dict[str, set[str]] = defaultdict(set)
    resolved: set[tuple[str, str]] = set()
    opened: set[str] = set()
    for row in connection.execute("SELECT * FROM interrupts"):
        kept[row["run_id"]].add(row["interrupt_id"])
        if row["status"] == "resolved":
            resolved.add((row["thread_id"], row["interrupt_id"]))
        elif row["status"] == "open":
            opened.add(row["run_id"])
    for run in asked.keys() | kept.keys():
        if asked[run] != kept[run]:
            verdict.half_pauses.append(f"{run}: journal and interrupts differ")
    checkpoints = {row["run_id"] for row in connection.execute("SELECT run_id FROM checkpoints")}
    verdict.half_pauses += [f"{run} waits without checkpoint" for run in opened - checkpoints]
    verdict.half_pauses += [f"{run} has a checkpoint for nothing" for run in checkpoints - opened]
    if decided != Counter(resolved):
        verdict.decisions_twice.append("the journaled decisions are not the settled interrupts")
    verdict.decisions_twice += [f"{r}: {told}" for r, told in record.resumed.items() if len(told) > 1]


def _tools(connection: sqlite3.Connection, ran: Path, record: Record, verdict: Verdict) -> None:
    """Each piece of code names itself where it runs: how often it did is held against what was decided and told."""
    approved: dict[str, str] = {}
    for row in connection.execute("SELECT body, decision, resumed_by FROM interrupts"):
        mark = _mark(json.loads(row["body"])["args"].get("code", ""))
        if mark and row["decision"] and json.loads(row["decision"])["kind"] == "approve":
            approved[mark] = row["resumed_by"]
    times = Counter(ran.read_text().splitlines())
    verdict.tools_without_decision = sorted(times.keys() - approved.keys() - record.allowed)
    verdict.tools_twice = [f"{mark}: {count} times" for mark, count in times.items() if count > 1]
    told = {call.mark: call for call in _calls(connection) if call.mark}
    done = {r["run_id"] for r in connection.execute("SELECT run_id FROM runs WHERE status = 'succeeded'")}
    for mark, call in told.items():
        if call.ok and not times[mark]:
            verdict.lost_effects.append(f"{mark} is said to have run, and did not")
        if call.refused and times[mark]:
            verdict.lost_effects.append(f"{mark} is said not to have run, and did")
    for mark, run in approved.items():
        if run in done and not (mark in told and (told[mark].ok or told[mark].refused)):
            said = told[mark].said if mark in told else "nothing"
            verdict.lost_effects.append(f"{mark} was approved, its run succeeded, and it was told: {said}")
    verdict.counts["calls without a kernel"] = sum(call.refused for call in told.values())


@dataclass
class _Call:
    """A tool call as the journal tells it."""

    args: str = ""
    said: str = ""
    ok: bool = False

    @property
    def mark(self) -> str:
        return _mark(self.args)

    @property
    def refused(self) -> bool:
        """The one answer, word for word, of a call that cannot have run: its kernel is not to be had here."""
        return self.said.startswith(NO_KERNEL)


def _calls(connection: sqlite3.Connection) -> list[_Call]:
    calls: dict[str, _Call] = defaultdict(_Call)
    for row in connection.execute("SELECT body FROM events ORDER BY thread_id, seq"):
        event = json.loads(row["body"])
        if event["type"] == "TOOL_CALL_ARGS":
            calls[event["toolCallId"]].args += event["delta"]
        elif event["type"] == "TOOL_CALL_RESULT":
            call = calls[event["toolCallId"]]
            call.said = str(event["content"])
            call.ok = event.get("metadata", {}).get("lobu", {}).get("ok") is True
    return list(calls.values())


def _mark(code: str) -> str:
    """The name that a piece of code writes into the log, as in people.py; empty for other code."""
    found = MARK.search(code)
    return found[1] if found else ""
