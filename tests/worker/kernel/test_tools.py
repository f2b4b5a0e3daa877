"""``@lobu.tool``: schemas from signatures, results as JSON, and calls in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Optional

import pandas as pd
import pytest

from lobu_jupyter.notebook.tools import decorator

if TYPE_CHECKING:
    from tests.worker.conftest import Hand, Person


@pytest.fixture(autouse=True)
def _no_tools_are_left() -> None:
    for spec in decorator.specs():
        decorator.forget(spec.name)


def test_the_schema_comes_from_the_signature_and_the_words_from_the_docstring() -> None:
    @decorator.tool
    def forecast(region: str, months: int = 3, *, method: Literal["mean", "trend"] = "mean") -> float:
        """Forecast the sales of a region.

        Uses the table `sales`.

        Args:
            region: as in the column `region`
            months (int): how far ahead,
                at most 12

        Returns:
            A sum.
        """
        return 0.0

    (spec,) = decorator.specs()

    assert spec.name == "forecast"
    assert spec.description == "Forecast the sales of a region.\n\nUses the table `sales`."
    assert spec.approval
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "region": {"type": "string", "description": "as in the column `region`"},
            "months": {"type": "integer", "default": 3, "description": "how far ahead, at most 12"},
            "method": {"enum": ["mean", "trend"], "default": "mean"},
        },
        "additionalProperties": False,
        "required": ["region"],
    }
    assert forecast("north") == 0.0


def test_numpy_style_optional_and_containers() -> None:
    @decorator.tool(approval=False, name="pick", respond=True)
    def _pick(names: list[str], limits: dict[str, float], note: Optional[str] = None) -> None:  # noqa: UP045
        """Pick some.

        Parameters
        ----------
        names : list of str
            Which ones.
        note
            Why.

        Returns
        -------
        None
        """

    (spec,) = decorator.specs()
    properties = spec.parameters["properties"]

    assert (spec.name, spec.approval, spec.respond) == ("pick", False, True)
    assert properties["names"] == {"type": "array", "items": {"type": "string"}, "description": "Which ones."}
    assert properties["limits"] == {"type": "object", "additionalProperties": {"type": "number"}}
    assert properties["note"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert properties["note"]["description"] == "Why."


def test_a_parameter_without_json_form_is_refused_when_it_is_defined() -> None:
    def plot(frame: pd.DataFrame) -> None: ...

    with pytest.raises(TypeError, match="parameter 'frame' of tool 'plot': DataFrame has no JSON form"):
        decorator.tool(plot)


def test_star_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="parameter 'rest' of tool 'many'"):

        @decorator.tool
        def many(*rest: int) -> None: ...


def test_results_are_text_json_or_a_bounded_repr() -> None:
    assert decorator.as_json("as it is") == "as it is"
    assert decorator.as_json({"n": [1, 2.5, None]}) == {"n": [1, 2.5, None]}
    assert "sales" in decorator.as_json(pd.DataFrame({"sales": [1]}))
    assert decorator.as_json(float("nan")) == "nan"
    assert len(decorator.as_json(list(range(100_000)))) < 21_000


def test_a_generators_items_and_a_value_that_nests_too_deep_are_results() -> None:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]

    assert decorator.as_json(n * n for n in range(3)) == [0, 1, 4]
    assert decorator.as_json(deep) == "a list that nests too deep to show"


async def test_the_agent_calls_a_tool_in_the_kernel(hand: Hand, person: Person) -> None:
    await person.run(
        "from lobu_jupyter.notebook.tools.decorator import tool\n"
        "@tool\ndef lobu_double(n: int) -> int:\n    print('doubling')\n    return 2 * n\n"
        "@tool\nasync def lobu_later(text: str) -> dict:\n    import asyncio\n"
        "    await asyncio.sleep(0.01)\n    return {'text': text}\n"
        "@tool\ndef lobu_broken() -> None:\n    raise ValueError('no data')\n"
    )

    async def call(name: str, **args: object):
        return await hand.executor.call_tool(name, args, hand.on_output, hand.on_waiting)

    double, later, broken = await call("lobu_double", n=4), await call("lobu_later", text="x"), None
    broken, missing = await call("lobu_broken"), await call("lobu_gone")

    assert double.value == 8
    assert hand.text == "doubling\n"
    assert later.value == {"text": "x"}
    assert broken.error is not None
    assert (broken.error["ename"], broken.error["evalue"]) == ("ValueError", "no data")
    shown = "\n".join(broken.error["traceback"])
    assert "no data" in shown
    assert "lobu_broken" in shown
    assert "lobu_jupyter" not in shown  # what called it is not the person's
    assert missing.error is not None
    assert "there is no tool 'lobu_gone'" in missing.error["evalue"]
