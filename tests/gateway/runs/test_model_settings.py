"""The settings of a run's model: refused by name where it does not take them, kept over a decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.model_settings import ModelSettings
from lobu_jupyter.model.requests import NewThread, StartRun
from tests.gateway.rig import ME, QUIET, Rig, approve, open_rig


def takes(model: str) -> dict[str, Any]:
    return {"effort": ("low", "high"), "maxTokens": 100} if model == "p:thinks" else {"temperature": 1}


@pytest.mark.parametrize(
    ("model", "settings", "field"),
    [
        ("p:thinks", ModelSettings(temperature=0.5), "modelSettings.temperature"),
        ("p:thinks", ModelSettings(effort="medium"), "modelSettings.effort"),
        ("p:thinks", ModelSettings(effort="low", max_tokens=101), "modelSettings.maxTokens"),
        ("p:plain", ModelSettings(temperature=1.5), "modelSettings.temperature"),
        ("p:plain", ModelSettings(effort="low"), "modelSettings.effort"),
        (None, ModelSettings(temperature=0.5), "modelSettings"),
    ],
)
async def test_a_setting_that_the_model_does_not_take_is_refused_by_name(
    store: Path, model: str | None, settings: ModelSettings, field: str
) -> None:
    async with open_rig(store, settings=replace(QUIET, model_takes=takes)) as rig:
        thread = await rig.gateway.threads.create(ME, NewThread())
        request = StartRun(prompt="go", model=model, model_settings=settings)

        with pytest.raises(InvalidField) as refused:
            await rig.gateway.runs.start(ME, thread.thread_id, request)

        assert refused.value.field == field
        assert (await rig.gateway.threads.get(ME, thread.thread_id)).cursor == 0


async def test_the_settings_reach_the_worker_the_run_and_the_run_after_a_decision(rig: Rig) -> None:
    settings = ModelSettings(effort="high", temperature=0.25, max_tokens=50)

    first = await rig.waiting("c", model="p:m", model_settings=settings)
    started, _ = await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
    (item,) = await rig.worker.fetch()

    assert item.task is not None
    assert (item.task.run_id, item.task.model_settings) == (started.run_id, settings)
    assert (await rig.run(first.run_id)).model_settings == settings
    assert (await rig.run(started.run_id)).model_settings == settings
