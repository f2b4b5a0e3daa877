"""A notebook is recorded with a provider, and replayed without: what changed is told with its cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.cli.testing.runner import notebooks_in, record, recording_for, replay
from lobu_jupyter.model.recording import parse
from tests.providers import Call, Provider, calls, says

EXAMPLE = Path(__file__).parents[2] / "examples" / "ci" / "sales.ipynb"


def notebook(folder: Path, *cells: str) -> Path:
    document = json.loads(EXAMPLE.read_text())
    empty = next(cell for cell in document["cells"] if cell["cell_type"] == "code")
    document["cells"] = [{**empty, "id": f"c{n}", "source": text} for n, text in enumerate(cells)]
    path = folder / "n.ipynb"
    path.write_text(json.dumps(document))
    return path


def test_a_notebook_is_recorded_and_its_replay_names_the_cell_that_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = ["x = 20", "%load_ext lobu_jupyter", "%lobu --wait Double x.", "print('after')"]
    config = tmp_path / "config"
    config.mkdir()
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(config))
    with Provider() as provider:
        chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "a-secret-key"}
        told: dict[str, Any] = {
            "providers": {"scripted": chat},
            "default_model": "scripted:test-model",
            "mode": "allow",
        }
        (config / "jupyter_config.json").write_text(json.dumps({"LobuApp": told}))
        provider.script = [calls(Call("run_code", '{"code": "x * 2"}')), says("40.")]
        path = notebook(tmp_path, *cells)

        assert record(path, 120, "scripted").failures == []

        recording = parse(recording_for(path).read_text(), "n")
        assert (len(recording.exchanges), recording.note) == (2, "scripted")
        assert "a-secret-key" not in recording_for(path).read_text()
        asked = len(provider.requests)
        notebook(tmp_path, "x = 21", *cells[1:])

        (failure,) = replay(path, 120).failures

        assert failure.cell == 3
        assert "-  40" in failure.why
        assert "+  42" in failure.why
        assert len(provider.requests) == asked  # nothing fell through


def test_a_notebook_without_a_recording_or_with_a_broken_one_is_not_executed(tmp_path: Path) -> None:
    path = notebook(tmp_path, "raise SystemExit")

    (missing,) = replay(path, 5).failures
    recording_for(path).write_text("{\n")
    (broken,) = replay(path, 5).failures

    assert "lobu test --record" in missing.why
    assert "n.recording.json, line 2" in broken.why
    assert notebooks_in([tmp_path]) == [path]
