"""Agent code in a real kernel: what comes back, and what stays the person's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from lobu_jupyter.worker.kernel.capture import WIDGET_MIME
from lobu_jupyter.worker.kernel.connection import Kernel
from tests.worker.conftest import cancelled, in_time

if TYPE_CHECKING:
    from tests.worker.conftest import Gate, Hand, Person


async def test_output_html_figures_and_the_last_value_come_back_in_order(hand: Hand) -> None:
    code = """
import matplotlib.pyplot as plt
from IPython.display import HTML, display
print("one")
display(HTML("<b>two</b>"))
%matplotlib inline
plt.plot([1, 2])
plt.show()
6 * 7
"""

    done = await hand.run(code)

    assert done.ok
    assert done.seconds > 0
    kinds = [o["output_type"] for o in hand.outputs]
    assert kinds == ["stream", "display_data", "display_data", "execute_result"]
    assert hand.outputs[0]["text"] == "one\n"
    assert hand.outputs[1]["data"]["text/html"] == "<b>two</b>"
    assert hand.outputs[2]["data"]["image/png"]
    assert hand.outputs[3]["data"]["text/plain"] == "42"


async def test_an_error_is_an_output_and_the_result(hand: Hand) -> None:
    done = await hand.run("x = 1\nraise ValueError('no such column')")

    assert not done.ok
    assert done.error is not None
    assert (done.error["ename"], done.error["evalue"]) == ("ValueError", "no such column")
    assert hand.outputs[-1]["output_type"] == "error"
    assert any("ValueError" in line for line in done.error["traceback"])


async def test_code_that_does_not_compile_is_an_error(hand: Hand) -> None:
    done = await hand.run("def broken(:")

    assert done.error is not None
    assert done.error["ename"] == "SyntaxError"


async def test_a_widget_that_the_code_closes_does_not_end_it(hand: Hand) -> None:
    code = "import comm\nc = comm.create_comm(target_name='theirs')\nc.send({'no': 'result'})\nc.close()\n'went on'"

    done = await hand.run(code)

    assert done.ok
    assert hand.outputs[-1]["data"]["text/plain"] == "'went on'"


async def test_code_may_await(hand: Hand) -> None:
    done = await hand.run("import asyncio\nawait asyncio.sleep(0.01)\nprint('rested')\n'back'")

    assert done.ok
    assert hand.text == "rested\n"
    assert hand.outputs[-1]["data"]["text/plain"] == "'back'"


async def test_magics_work_and_variables_stay(hand: Hand, person: Person) -> None:
    await hand.run("%%time\nlobu_total = 5 + 5")

    assert await person.value("lobu_total") == "10"


async def test_the_persons_history_counter_and_last_values_stay_theirs(hand: Hand, person: Person) -> None:
    first = await person.run("'mine'")
    mine = "(_, __, ___, sorted(Out), len(In), get_ipython().execution_count)"
    before = await person.value(mine)

    await hand.run("'theirs'")
    await hand.run("1/0")

    assert await person.value(mine) == before
    assert (await person.run("_"))["execution_count"] == first["execution_count"] + 1
    names = await person.value("[n for n in dir() if 'lobu_guest' in n or n == 'request']")
    assert names == "[]"


async def test_code_that_is_shown_as_a_cell_has_a_number_of_its_own_and_the_last_values_stay(
    hand: Hand, person: Person
) -> None:
    first = await person.run("'mine'")
    mine = "(_, __, ___, sorted(Out))"
    before = await person.value(mine)

    shown = [
        await hand.run(code, as_cell=True) for code in ("'theirs'", "await __import__('asyncio').sleep(0)")
    ]
    failed = await hand.run("1/0", as_cell=True)
    inside = await hand.run("'in the chat'")

    number = first["execution_count"]
    assert [done.count for done in (*shown, failed)] == [number + 1, number + 2, number + 3]
    assert inside.count is None
    assert await person.value(mine) == before
    assert (await person.run("_"))["execution_count"] == number + 4
    assert await person.value(f"In[{number + 1}]") == repr("'theirs'")


async def test_input_is_refused_at_once_with_a_hint(hand: Hand, person: Person) -> None:
    done = await hand.run("input('name? ')")

    assert done.error is not None
    assert done.error["ename"] == "StdinNotImplementedError"
    assert "ask_user" in done.error["evalue"]
    assert "_no_input" not in "\n".join(done.error["traceback"])
    assert "raw_input" not in await person.value("input.__name__")


async def test_a_widget_comes_back_as_text_and_with_what_names_it_to_a_page(hand: Hand) -> None:
    await hand.run("import ipywidgets\nslider = ipywidgets.IntSlider()\nslider")

    for output in (hand.outputs[0], hand.outputs[-1]):
        assert "IntSlider" in output["data"]["text/plain"]
        view = output["data"][WIDGET_MIME]
        assert set(view) == {"model_id", "version_major", "version_minor"}
    await hand.run("print(slider.model_id)")
    assert hand.outputs[-1]["text"].strip() == view["model_id"]


async def test_what_only_claims_to_be_a_widget_names_none(hand: Hand) -> None:
    code = (
        f"from IPython.display import display\ndisplay({{'text/plain': 'x', {WIDGET_MIME!r}: 'm'}}, raw=True)"
    )
    await hand.run(code)

    assert hand.outputs[-1]["data"] == {"text/plain": "x"}


async def test_a_progress_display_comes_back_with_its_last_state(hand: Hand) -> None:
    code = "h = display('0 %', display_id=True)\nfor i in range(1, 101): h.update(f'{i} %')"

    await hand.run(code)

    states = [o["data"]["text/plain"] for o in hand.outputs]
    assert (states[0], states[-1]) == ("'0 %'", "'100 %'")
    assert len(states) < 20  # the others were overtaken, as far as the kernel was fast enough


@pytest.mark.scenario("S8")
@pytest.mark.parametrize(
    "code",
    [
        "import time\nprint('in')\ntime.sleep(60)",
        "print('in', flush=True)\nwhile True: pass",
        "import asyncio\nprint('in', flush=True)\nawait asyncio.sleep(60)",
        "import asyncio\nprint('in', flush=True)\nawait asyncio.sleep(0)\nwhile True: pass",
    ],
)
async def test_a_cancel_interrupts_the_running_code_within_two_seconds(
    hand: Hand, person: Person, code: str
) -> None:
    async def attempt() -> float:
        hand.outputs.clear()
        task = hand.start(code)
        await hand.says("in")

        took = await cancelled(task)

        assert (await person.run("1 + 1"))["status"] == "ok"
        return took

    await in_time(2, attempt)


async def test_an_end_that_comes_late_does_not_let_the_persons_next_cell_be_interrupted(
    hand: Hand, person: Person, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = hand.start("print('in', flush=True)\nimport time\ntime.sleep(60)")
    await hand.says("in")
    cell = person.send(gate.cell())
    monkeypatch.setattr(Kernel, "_on_iopub", lambda *_: None)  # it stays unheard that the code has ended

    await cancelled(task)
    gate.open()

    assert (await person.finished(cell))["status"] == "ok"


@pytest.mark.scenario("S8b")
async def test_a_cancel_while_the_person_works_leaves_their_cell_alone(
    hand: Hand, person: Person, gate: Gate
) -> None:
    cell = person.send(gate.cell("lobu_mine = 'whole'"))
    await person.started(cell)
    task = hand.start("lobu_never = 1")
    await hand.waits()

    await cancelled(task)
    gate.open()

    assert hand.notes == ["waiting for your cell"]
    assert (await person.finished(cell))["status"] == "ok"
    assert await person.value("lobu_mine") == "'whole'"
    assert await person.value("'lobu_never' in globals()") == "False"


@pytest.mark.scenario("S8b")
async def test_a_cancel_in_the_queue_behind_several_cells_never_runs(
    hand: Hand, person: Person, gate: Gate
) -> None:
    await hand.run("1")
    cells = [person.send(code) for code in ("import time; time.sleep(0.3)", gate.cell(), "1")]
    await person.started(cells[0])
    task = hand.start("lobu_never_either = 1")
    await person.started(cells[1])  # between two cells the kernel was idle: the request may be sent now

    await cancelled(task)
    gate.open()
    replies = [await person.finished(cell) for cell in cells]

    assert [reply["status"] for reply in replies] == ["ok"] * 3
    assert await person.value("'lobu_never_either' in globals()") == "False"


async def test_code_that_waited_says_so_and_runs_after_the_cell(
    hand: Hand, person: Person, gate: Gate
) -> None:
    await person.started(person.send(gate.cell("lobu_order = ['cell']")))
    task = hand.start("lobu_order.append('agent')")
    await hand.waits()

    gate.open()
    done = await task

    assert done.ok
    assert hand.notes == ["waiting for your cell", ""]
    assert await person.value("lobu_order") == "['cell', 'agent']"


async def test_a_failing_cell_of_the_person_does_not_swallow_the_code(
    hand: Hand, person: Person, gate: Gate
) -> None:
    cells = [person.send(f"import time\ntime.sleep(0.5)\nx = {n}") for n in range(2)]
    failing = person.send(gate.cell("1/0"))
    await person.started(cells[0])
    task = hand.start("lobu_ran = 'yes'")
    await person.started(failing)

    gate.open()
    done = await task

    assert done.ok
    assert (await person.finished(failing))["status"] == "error"
    assert await person.value("lobu_ran") == "'yes'"


async def test_two_runs_take_turns_in_one_kernel(hand: Hand, person: Person) -> None:
    await person.run("lobu_turns = []")
    code = "import time\nlobu_turns.append('in')\ntime.sleep(0.3)\nlobu_turns.append('out')"

    await asyncio.gather(hand.run(code), hand.run(code))

    assert await person.value("lobu_turns") == "['in', 'out', 'in', 'out']"
    assert "waiting for another agent's code in this kernel" in hand.notes


async def test_cleared_output_is_said_to_be_cleared(hand: Hand) -> None:
    done = await hand.run(
        "from IPython.display import clear_output\nprint('secret draft')\nclear_output()\nprint('kept')"
    )

    assert done.ok
    kinds = [o["output_type"] for o in hand.outputs]
    assert kinds[kinds.index("clear_output") :] == ["clear_output", "stream"]
    assert hand.outputs[-1]["text"] == "kept\n"


async def test_clear_output_that_waits_clears_with_the_next_output(hand: Hand) -> None:
    done = await hand.run(
        "from IPython.display import clear_output\nprint('old')\nclear_output(wait=True)\nprint('new')"
    )

    assert done.ok
    assert [o.get("text") for o in hand.outputs[-2:]] == [None, "new\n"]
    assert hand.outputs[-2]["output_type"] == "clear_output"


async def test_a_display_is_updated_in_its_place(hand: Hand) -> None:
    done = await hand.run(
        "from IPython.display import display\nh = display('0%', display_id=True)\nfor n in (1, 2, 3): h.update(f'{n}%')"
    )

    assert done.ok
    first, last = hand.outputs[0], hand.outputs[-1]
    assert first["display_id"] == last["display_id"]
    assert last["data"]["text/plain"] == "'3%'"


async def test_a_progress_bar_of_widgets_ends_at_its_last_state(hand: Hand) -> None:
    done = await hand.run("from tqdm.notebook import tqdm\nfor _ in tqdm(range(20)): pass")

    assert done.ok
    assert "20/20" in hand.outputs[-1]["data"]["text/plain"]
    assert hand.outputs[-1]["display_id"] == hand.outputs[0]["display_id"]


async def test_a_bar_that_is_gone_at_the_end_says_how_it_ended(hand: Hand) -> None:
    code = (
        "import gc\nfrom tqdm.notebook import tqdm\nfor _ in tqdm(range(20), desc='rows'): pass\ngc.collect()"
    )
    done = await hand.run(code)

    assert done.ok
    text = hand.outputs[-1]["data"]["text/plain"]
    assert text.startswith("rows: 100% ██████████ 20/20 [00:0")
    assert hand.outputs[-1]["display_id"] == hand.outputs[0]["display_id"]


async def test_an_output_widget_keeps_its_own_outputs_and_clears_them_alone(hand: Hand) -> None:
    code = """
import ipywidgets
from IPython.display import clear_output, display
area = ipywidgets.Output()
print("before")
display(area)
for n in range(3):
    with area:
        clear_output(wait=True)
        print("state", n)
print("after")
"""
    done = await hand.run(code)

    assert done.ok
    assert [o["text"] for o in hand.outputs if o["output_type"] == "stream"] == ["before\n", "after\n"]
    assert "clear_output" not in [o["output_type"] for o in hand.outputs]
    areas = [o for o in hand.outputs if o["output_type"] == "display_data"]
    assert areas[-1]["data"] == {"text/plain": "state 2\n"}
