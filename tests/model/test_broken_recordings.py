"""Recordings that are broken in many ways: each names file, line and field, at the line where the fault is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lobu_jupyter.agents.models.replaying import Replayer
from lobu_jupyter.model.ports import AgentError

GOOD = """{
 "lobuRecording": 1,
 "title": "t",
 "note": "",
 "exchanges": [
  {
   "provider": "p",
   "model": "m",
   "request": [
    {"kind": "request",
     "parts": [
      {"part_kind": "user-prompt",
       "content": "go"}]}],
   "response": {
    "kind": "response",
    "parts": [
     {"part_kind": "tool-call",
      "tool_name": "run_code",
      "args": "{}",
      "tool_call_id": "c"}]}}],
 "decisions": [
  {"toolName": "run_code",
   "args": {},
   "via": "rest",
   "decision": {"kind": "approve"}}]
}
"""
BROKEN = [
    # what is replaced, by what, the line, the field
    ('"lobuRecording": 1', '"lobuRecording": 0', 2, "lobuRecording"),
    ('"lobuRecording": 1', '"lobuRecording": "1"', 2, "lobuRecording"),
    ('"lobuRecording": 1,', "", 1, "lobuRecording"),
    ('"title": "t"', '"title": null', 3, "title"),
    ('"title": "t"', '"heading": "t"', 3, "heading"),
    ('"note": ""', '"note": []', 4, "note"),
    ('"exchanges": [', '"exchanges": [], "more": [', 5, "exchanges"),
    ('"provider": "p"', '"provider": 5', 7, "exchanges[0].provider"),
    ('"model": "m"', '"model": {}', 8, "exchanges[0].model"),
    ('"model": "m"', '"model": "m", "usage": 1', 8, "exchanges[0].usage"),
    ('"request": [', '"request": "go", "x": [', 9, "exchanges[0].request"),
    ('"kind": "request"', '"kind": 1', 10, "exchanges[0].request[0].kind"),
    ('"kind": "request"', '"kind": "response"', 12, "exchanges[0].request[0]"),
    ('"kind": "request"', '"kind": "question"', 10, "exchanges[0].request[0]"),
    ('"part_kind": "user-prompt"', '"part_kind": "user-shout"', 12, "exchanges[0].request[0].parts[0]"),
    ('"part_kind": "user-prompt",', "", 12, "exchanges[0].request[0].parts[0]"),
    ('"content": "go"', '"content": 7', 13, "exchanges[0].request[0].parts[0].content"),
    ('"kind": "response"', '"kind": "request"', 17, "exchanges[0].response"),
    ('"parts": [\n     {"part_kind": "tool-call"', '"parts": {"0":\n     {"part_kind": "tool-call"', 0, ""),
    ('"tool_name": "run_code"', '"tool_name": null', 18, "exchanges[0].response.parts[0].tool_name"),
    ('"tool_name": "run_code",', "", 17, "exchanges[0].response.parts[0].tool_name"),
    ('"args": "{}"', '"args": 5', 19, "exchanges[0].response.parts[0].args"),
    ('"tool_call_id": "c"', '"tool_call_id": 1', 20, "exchanges[0].response.parts[0].tool_call_id"),
    ('"toolName": "run_code"', '"toolName": 1', 22, "decisions[0].toolName"),
    ('"args": {}', '"args": []', 23, "decisions[0].args"),
    ('"via": "rest"', '"via": 1', 24, "decisions[0].via"),
    ('"decision": {"kind": "approve"}', '"decision": "approve"', 25, "decisions[0].decision"),
    ('"via": "rest"', '"via": "rest" "x"', 24, ""),
    ("]\n}\n", "]\n", 26, ""),
    (GOOD, "", 1, ""),
    (GOOD, "[]", 1, ""),
]


def said_of(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "n.recording.json"
    path.write_bytes(content)
    with pytest.raises(AgentError) as refused:
        Replayer(str(path)).model(None)
    return str(refused.value)


@pytest.mark.parametrize(("old", "new", "line", "field"), BROKEN)
def test_a_broken_recording_names_file_line_and_field(
    old: str, new: str, line: int, field: str, tmp_path: Path
) -> None:
    assert GOOD.count(old) == 1
    Replayer(str(_written(tmp_path / "good.json", GOOD))).model(None)

    said = said_of(tmp_path, GOOD.replace(old, new).encode())

    found = re.match(r"n\.recording\.json, line (\d+): ", said)
    assert found, said
    assert line in (0, int(found[1])), said
    assert field in said, said


def test_bytes_that_are_no_text_and_json_that_is_too_deep_are_told_too(tmp_path: Path) -> None:
    for content in (b'{"title": "\xff\xfe"}', b'{"lobuRecording": 1, "exchanges": ' + b"[" * 100_000):
        assert "n.recording.json" in said_of(tmp_path, content)


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
