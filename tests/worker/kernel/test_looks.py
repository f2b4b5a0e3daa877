"""Looks at the person's variables: bounded, without side effects, and possible while their cell runs."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from lobu_jupyter.agents.tools import extract
from lobu_jupyter.notebook.guest import looks
from lobu_jupyter.worker.kernel import executor
from lobu_jupyter.worker.kernel.connection import Kernel
from lobu_jupyter.worker.kernel.subshell import look_aside

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_client.manager import KernelManager

    from tests.worker.conftest import Gate, Hand, MakeHand, Person

LOOKS = "lobu_jupyter.notebook.guest.looks"


def test_a_table_is_told_by_shape_columns_head_and_what_is_missing() -> None:
    frame = pd.DataFrame({"month": ["Jan", "Feb"], "sales": [1.5, None]})

    told = looks.describe_variable("frame", {"frame": frame})

    assert told["type"] == "pandas.DataFrame"
    assert told["shape"] == [2, 2]
    assert told["columns"][1] == {"name": "sales", "dtype": "float64"}
    assert told["missing"] == {"sales": 1}
    assert "Feb" in told["head"]


def test_a_series_and_an_array_are_told_by_dtype_and_head() -> None:
    series = looks.describe_variable("s", {"s": pd.Series([3, 4])})
    array = looks.describe_variable("a", {"a": np.arange(12).reshape(3, 4)})

    assert (series["dtype"], series["shape"]) == ("int64", [2])
    assert (array["shape"], array["min"], array["max"]) == ([3, 4], 0.0, 11.0)


def test_a_huge_or_hostile_repr_is_never_called() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise AssertionError("called")

    space = {"h": Hostile(), "hs": [Hostile()], "wide": "x" * 10_000_000, "many": list(range(1_000_000))}

    told = {name: looks.describe_variable(name, space) for name in space}
    listed = looks.list_variables(space)

    assert "Hostile" in told["h"]["text"]
    assert "Hostile" in told["hs"]["head"][0]
    assert len(str(told["wide"])) < 5000
    assert told["many"]["size"] == 1_000_000
    assert len(str(listed)) < 1000


def test_a_function_is_told_by_its_signature_and_docstring() -> None:
    def area(width: float, height: float = 1.0) -> float:
        """Width times height."""
        return width * height

    told = looks.describe_variable("area", {"area": area})

    assert told["signature"].startswith("area(width: ")
    assert told["doc"] == "Width times height."


def test_modules_and_imported_functions_are_not_listed() -> None:
    listed = looks.list_variables({"np": np, "concat": pd.concat, "DataFrame": pd.DataFrame, "x": 1})

    assert [variable["name"] for variable in listed] == ["x"]


def test_an_unknown_name_is_a_clear_error() -> None:
    with pytest.raises(NameError, match="no variable 'salez'"):
        looks.describe_variable("salez", {"sales": 1})


async def test_a_look_sees_the_persons_variables_and_not_ipythons(hand: Hand, person: Person) -> None:
    await person.run("%reset -f\nimport os\nlobu_answer = 42")

    done = await hand.executor.look(f"{LOOKS}.list_variables()")

    assert done.ok
    assert done.value == [{"name": "lobu_answer", "type": "int", "value": "42"}]


async def test_a_document_is_read_with_the_kernels_libraries_in_a_process_of_its_own(hand: Hand) -> None:
    table = io.BytesIO()
    pd.DataFrame({"n": [7]}).to_parquet(table)
    asked = (
        Path(extract.__file__).read_text("utf-8"),
        "parquet",
        base64.b64encode(table.getvalue()).decode(),
    )

    done = await hand.executor.look(f"{LOOKS}.read_document{asked!r}")
    broken = await hand.executor.look(f"{LOOKS}.read_document{(asked[0], 'parquet', 'AAAA')!r}")

    assert done.value["text"].startswith("Parquet, 1 rows, 1 columns\n- n: int64")
    assert broken.value == {}


async def test_a_look_at_nothing_is_an_error_that_names_it(hand: Hand) -> None:
    done = await hand.executor.look(f"{LOOKS}.describe_variable('nothing')")

    assert done.error is not None
    assert "there is no variable 'nothing'" in done.error["evalue"]


async def test_a_look_answers_while_the_persons_cell_runs_and_leaves_it_alone(
    hand: Hand, person: Person, gate: Gate
) -> None:
    await person.run("lobu_before = 1")
    await hand.executor.look(f"{LOOKS}.list_variables()")  # the guest is in the kernel from now on
    plot = "import matplotlib.pyplot as plt\n%matplotlib inline\nfigure = plt.figure()\n"
    cell = person.send(plot + gate.cell("lobu_open = plt.get_fignums()"))
    await person.started(cell)

    async with asyncio.timeout(60):
        done = await hand.executor.look(f"{LOOKS}.describe_variable('lobu_before')")
    gate.open()

    assert done.value["value"] == "1"
    assert (await person.finished(cell))["status"] == "ok"
    assert await person.value("lobu_open") == "[1]"


async def test_a_look_right_after_connecting_does_not_wait_for_the_persons_cell(
    shared_kernel: KernelManager,
    hand_in: MakeHand,
    person: Person,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = asyncio.Event()
    greet = Kernel._greet

    async def late(kernel: Kernel) -> None:
        await looked.wait()
        await greet(kernel)

    def aside(kernel: Kernel, expression: str) -> Awaitable[Any]:
        asyncio.get_running_loop().call_soon(looked.set)
        return look_aside(kernel, expression)

    monkeypatch.setattr(
        Kernel, "_greet", late
    )  # what the kernel can do is told only after the look was asked
    monkeypatch.setattr(executor, "look_aside", aside)
    await (await hand_in(shared_kernel)).executor.look(f"{LOOKS}.list_variables()")  # loads the guest
    looked.clear()
    await person.started(person.send(gate.cell()))
    hand = await hand_in(shared_kernel)

    async with asyncio.timeout(60):
        done = await hand.executor.look(f"{LOOKS}.list_variables()")

    assert done.ok


async def test_a_page_hears_no_close_of_a_comm_that_it_never_opened(
    hand: Hand, person: Person, gate: Gate
) -> None:
    await hand.executor.look(f"{LOOKS}.list_variables()")  # the guest is in the kernel from now on
    cell = person.send(gate.cell())
    await person.started(cell)
    listening = asyncio.create_task(person.kinds_until_idle(cell))

    async with asyncio.timeout(60):
        done = await hand.executor.look(f"{LOOKS}.list_variables()")
    gate.open()

    assert done.ok
    kinds = await listening
    assert "comm_msg" in kinds
    assert "comm_close" not in kinds


class Unsayable(Exception):
    def __str__(self) -> str:
        raise SystemExit("no")


def test_an_error_whose_message_raises_is_told_by_its_class() -> None:
    told = looks.error_of(Unsayable(), [])

    assert (told["ename"], told["evalue"]) == ("Unsayable", "(its message cannot be shown: SystemExit)")


def test_a_group_of_errors_is_told_with_those_in_it() -> None:
    group = ExceptionGroup("several", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])])

    assert looks.error_of(group, [])["evalue"] == (
        "several (2 sub-exceptions); ValueError: a; ExceptionGroup: inner (1 sub-exception); KeyError: 'b'"
    )
