"""An outside worker is not a person: it changes a notebook only as approved, and what it puts there cannot act."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nbformat
import pytest

from lobu_jupyter.agents.tools.risks import risks_of
from lobu_jupyter.model.inert import inert_html, inert_outputs
from lobu_jupyter.model.notebooks import Delete, Edit, Insert, Made, Move, Read, SetOutputs, is_meant
from tests.server.page import LobuPage
from tests.server.test_notebooks import answers, leaves
from tests.server.wire import Json, PlainWorker, Wire, call_events, call_of, names

PATH = "sales.ipynb"
SCRIPT = "<script>window.hacked = 1</script>"
EDIT = {"do": "edit", "cell": "a", "was": "x = 1", "source": "x = 2"}
DELETE = {"do": "delete", "cell": "b", "was": "x + 1"}
CHANGES = [
    EDIT,
    DELETE,
    {"do": "insert", "cell": "new", "source": "y", "after": "a"},
    {"do": "move", "cell": "b", "was": "x + 1", "after": ""},
    {
        "do": "outputs",
        "cell": "a",
        "was": "x = 1",
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}],
    },
]


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has long begun: no page is about to come back."""
    monkeypatch.setattr("lobu_jupyter.server.notebooks.SETTLE_SECONDS", 0.0)


@pytest.fixture
def file(jp_root_dir: Path) -> Path:
    path = jp_root_dir / PATH
    cells = [nbformat.v4.new_code_cell("x = 1", id="a"), nbformat.v4.new_code_cell("x + 1", id="b")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
async def worker(wire: Wire, file: Path) -> PlainWorker:
    return await PlainWorker.register(wire)


async def run(wire: Wire, worker: PlainWorker, **more: Any) -> Json:
    thread = (await wire.ok("POST", "threads", {"notebookPath": PATH}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "x", "agent": "script", **more})
    return await worker.task()


@pytest.fixture
async def task(wire: Wire, worker: PlainWorker) -> Json:
    return await run(wire, worker)


async def at(
    wire: Wire, worker: PlainWorker, task: Json, request: Json, call: str | None = None
) -> tuple[int, Any]:
    body: Json = {"runId": task["runId"], "path": PATH, "request": request}
    body |= {"toolCallId": call} if call is not None else {}
    return await wire.ask("POST", f"workers/{worker.worker_id}/notebook", body, headers=worker.headers)


async def ask(wire: Wire, worker: PlainWorker, task: Json, tool: str, args: Json, /, **lobu: Any) -> Json:
    """End the run with a question about a call; returns the question as the person gets it."""
    interrupt = {"id": f"int_{task['runId']}", "reason": "tool_call", "toolCallId": "c", "message": "May it?"}
    outcome = {"type": "interrupt", "interrupts": [{**interrupt, "metadata": {"lobu": lobu}}]}
    end = {"type": "RUN_FINISHED", **names(task), "outcome": outcome}
    status, reply = await worker.send(task, *call_events("c", tool, args), end, checkpoint="opaque")
    assert status == 200, reply
    (asked,) = (await wire.ok("GET", "interrupts", params={"threadId": task["threadId"]}))["interrupts"]
    return asked


async def decided(wire: Wire, worker: PlainWorker, task: Json, asked: Json, **payload: Any) -> Json:
    """The run that goes on after the person's decision."""
    entry = {"interruptId": asked["id"], "status": "resolved", "payload": payload or {"approved": True}}
    await wire.ok("POST", f"threads/{task['threadId']}/resume", {"resume": [entry]})
    return await worker.task()


async def approved(wire: Wire, worker: PlainWorker, task: Json, request: Json) -> Json:
    return await decided(wire, worker, task, await ask(wire, worker, task, *call_of(request)))


def sources(file: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(file, as_version=4).cells]


async def refusals(wire: Wire) -> list[Json]:
    rows = (await wire.ok("GET", "audit"))["audit"]
    return [row for row in rows if row["action"] == "refused notebook change"]


# -- the gateway asks -----------------------------------------------------------------------------


@pytest.mark.parametrize("request_", CHANGES, ids=lambda change: change["do"])
async def test_a_change_that_no_call_stands_for_is_refused_and_in_the_audit(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, request_: Json
) -> None:
    before = file.read_bytes()

    unnamed = await at(wire, worker, task, request_)
    unknown = await at(wire, worker, task, request_, "no_such_call")

    assert (unnamed[0], unknown[0]) == (403, 403), (unnamed, unknown)
    assert unnamed[1]["error"]["field"] == "toolCallId"
    assert file.read_bytes() == before
    assert [(row["by"], row["runId"]) for row in await refusals(wire)] == [
        (worker.worker_id, task["runId"])
    ] * 2


@pytest.mark.parametrize("request_", CHANGES, ids=lambda change: change["do"])
async def test_a_call_that_nobody_approved_changes_nothing(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, request_: Json
) -> None:
    before = file.read_bytes()
    call = await worker.call(task, *call_of(request_))

    status, error = await at(wire, worker, task, request_, call)

    assert status == 403, error
    assert "approved" in error["error"]["message"]
    assert file.read_bytes() == before


@pytest.mark.parametrize("request_", CHANGES, ids=lambda change: change["do"])
async def test_an_approved_change_is_made_once(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, request_: Json
) -> None:
    before = file.read_bytes()
    resumed = await approved(wire, worker, task, request_)

    assert await at(wire, worker, resumed, request_, "c") == (200, {"done": True})
    assert file.read_bytes() != before
    file.write_bytes(before)  # the person takes it back
    assert await at(wire, worker, resumed, request_, "c") == (200, {"done": True}), "a lost answer again"
    assert file.read_bytes() == before, "and it is not made again"


OTHERS = [
    {**EDIT, "source": "import os"},
    {**EDIT, "cell": "b", "was": "x + 1"},
    {**EDIT, "was": "x = 1 "},
    DELETE,
    {"do": "insert", "cell": "new", "source": "x = 2"},
    {"do": "move", "cell": "a", "was": "x = 1", "after": ""},
    {"do": "outputs", "cell": "a", "was": "x = 2", "outputs": []},
]


@pytest.mark.parametrize("other", OTHERS)
async def test_an_approval_is_good_for_exactly_what_was_approved(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, other: Json
) -> None:
    before = file.read_bytes()
    resumed = await approved(wire, worker, task, EDIT)

    status, error = await at(wire, worker, resumed, other, "c")

    assert (status, error["error"]["field"]) == (403, "request")
    assert file.read_bytes() == before


async def test_an_approved_insertion_inserts_one_cell(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    insert = {"do": "insert", "cell": "n1", "source": "y"}
    resumed = await approved(wire, worker, task, insert)

    first = await at(wire, worker, resumed, insert, "c")
    second = await at(wire, worker, resumed, {**insert, "cell": "n2"}, "c")

    assert (first[0], second[0]) == (200, 409)
    assert sources(file) == ["x = 1", "x + 1", "y"]


async def test_a_call_with_a_result_changes_nothing_any_more(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    resumed = await approved(wire, worker, task, EDIT)
    result = {"type": "TOOL_CALL_RESULT", "toolCallId": "c", "messageId": "m", "content": "done"}
    await worker.send(resumed, result)

    assert (await at(wire, worker, resumed, EDIT, "c"))[0] == 409
    assert sources(file) == ["x = 1", "x + 1"]


async def test_a_rejection_an_edit_and_a_reply_in_place_mean_what_they_say(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    asked = await ask(wire, worker, task, *call_of(EDIT))
    rejected = await decided(wire, worker, task, asked, approved=False)
    assert (await at(wire, worker, rejected, EDIT, "c"))[0] == 403
    result = {"type": "TOOL_CALL_RESULT", "toolCallId": "c", "messageId": "m", "content": "no"}
    await worker.send(rejected, result, {"type": "RUN_FINISHED", **names(rejected)})

    second = await run(wire, worker)
    asked = await ask(wire, worker, second, *call_of(EDIT))
    theirs = {"cell": "a", "was": "x = 1", "code": "x = 3"}
    edited = await decided(wire, worker, second, asked, approved=True, editedArgs=theirs)
    assert (await at(wire, worker, edited, EDIT, "c"))[0] == 403
    assert (await at(wire, worker, edited, {**EDIT, "source": "x = 3"}, "c"))[0] == 200
    assert sources(file) == ["x = 3", "x + 1"]


async def test_what_the_person_was_shown_counts_and_not_what_the_worker_journaled_beside_it(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    shown = {"cell": "a", "was": "x = 1", "code": "x = 2"}
    asked = await ask(
        wire, worker, task, "delete_cell", {"cell": "b", "was": "x + 1"}, toolName="edit_cell", args=shown
    )
    resumed = await decided(wire, worker, task, asked)

    assert (await at(wire, worker, resumed, DELETE, "c"))[0] == 403
    assert (await at(wire, worker, resumed, EDIT, "c"))[0] == 200


async def test_an_approval_on_another_run_counts_for_nothing(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    await approved(wire, worker, task, EDIT)
    other = await run(wire, worker)

    assert (await at(wire, worker, other, EDIT, "c"))[0] == 403
    assert sources(file) == ["x = 1", "x + 1"]


async def test_what_the_policy_allows_needs_no_question_but_still_its_call(
    wire: Wire, worker: PlainWorker, file: Path
) -> None:
    task = await run(wire, worker, mode="allow")
    call = await worker.call(task, *call_of(EDIT))

    assert (await at(wire, worker, task, EDIT))[0] == 403
    assert (await at(wire, worker, task, DELETE, call))[0] == 403
    assert (await at(wire, worker, task, EDIT, call))[0] == 200
    assert sources(file) == ["x = 2", "x + 1"]


async def test_a_deny_stands_whatever_was_approved(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    resumed = await approved(wire, worker, task, DELETE)
    rules = {"notebookPath": PATH, "rules": {"deny": ["delete_*", "read_notebook"]}}
    await wire.ok("PUT", "policy", rules)

    assert (await at(wire, worker, resumed, DELETE, "c"))[0] == 403
    assert (await at(wire, worker, resumed, {"do": "read"}))[0] == 403
    assert sources(file) == ["x = 1", "x + 1"]


async def test_the_question_has_the_gateways_own_risks_and_no_diff_of_the_workers(
    wire: Wire, worker: PlainWorker, task: Json
) -> None:
    args = {"cell": "a", "was": "x = 1", "code": "import shutil; shutil.rmtree('x')\n%%javascript"}

    asked = await ask(wire, worker, task, "edit_cell", args, diff="-x = 1\n+x = 2", risks=["network"])

    assert asked["metadata"]["lobu"]["risks"] == ["network", "deletes", "scripts"]
    assert "diff" not in asked["metadata"]["lobu"]
    assert asked["metadata"]["lobu"]["args"] == args


@pytest.mark.parametrize("text", ["-" * 60_000 + "1", "(" * 60_000, "1" + "+1" * 30_000, "[" * 99 + "]" * 99])
async def test_arguments_that_cannot_be_looked_through_are_said_to_be_so_or_harmless(
    wire: Wire, worker: PlainWorker, task: Json, text: str
) -> None:
    asked = await ask(wire, worker, task, "run_code", {"a": 1}, args={"code": text[:60_000]})

    assert asked["metadata"]["lobu"].get("risks") in (None, ["unseen"])


def test_a_call_means_one_request_only() -> None:
    requests = [
        Read(),
        Insert(cell="n", source="s"),
        Edit(cell="a", was="w", source="s"),
        Delete(cell="a", was="w"),
        Move(cell="a", was="w"),
        SetOutputs(cell="a", was="s", outputs=[]),
    ]
    calls: list[tuple[str, Json]] = [
        ("read_notebook", {}),
        ("insert_cell", {"code": "s", "type": "code"}),
        ("edit_cell", {"cell": "a", "was": "w", "code": "s"}),
        ("delete_cell", {"cell": "a", "was": "w"}),
        ("move_cell", {"cell": "a", "was": "w"}),
        ("run_cell", {"cell": "a", "was": "w", "code": "s"}),
    ]

    meant = [[is_meant(request, *call) for call in calls] for request in requests]

    same = [[row == column for column in range(6)] for row in range(6)]
    same[2][5] = True  # a cell is changed before it runs
    assert meant == same
    for request, (tool, args) in zip(requests, calls, strict=True):
        assert not is_meant(request, tool, {**args, "extra": 1}), "exactly these arguments"


def test_no_call_of_an_outside_worker_means_a_cell_that_shows_the_code_of_another_call() -> None:
    made = Made(thread_id="t", run_id="r", tool_call_id="c", message_id="m")
    request = Insert(cell="n", source="s", made=made)

    assert not is_meant(request, "insert_cell", {"code": "s"})
    assert not is_meant(request, "run_code", {"code": "s"})


# -- outputs cannot act ---------------------------------------------------------------------------

ATTACKS = [
    SCRIPT,
    "<SCRIPT SRC=//evil></SCRIPT>",
    "<scr<script>ipt>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<img/src=x/onerror=alert(1)>",
    "<svg onload=window.hacked=1><script>1</script></svg>",
    '<a href="javascript:window.hacked=1">x</a>',
    '<a href="java&#10;script:window.hacked=1">x</a>',
    "<iframe srcdoc='<script>1</script>'></iframe>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<style>@import 'http://evil'</style><link rel=stylesheet href=http://evil>",
    "<form action=http://evil><button formaction=javascript:1>x</button></form>",
    "<meta http-equiv=refresh content='0;url=javascript:1'><base href=http://evil>",
    "<p style='background:url(javascript:1)' class=lobu-approve id=x data-x=1>x</p>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<template><script>1</script></template><textarea></textarea><script>1</script>",
    "<title></title><img src=x onerror=alert(1)>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'><img src=http://evil/track>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>1</x:script>",
    "<scr\0ipt>1</scr\0ipt>",
    "<script>1",
]


@pytest.mark.parametrize("html", ATTACKS)
def test_html_that_acts_is_written_anew_without_what_acts(html: str) -> None:
    written = inert_html(html)

    tags = written.replace("&lt;", "").lower()
    forbidden = ("<script", "<svg", "<math", "<iframe", "<style", "<link", "<form", "<meta", "<base", "<!--")
    assert not any(word in tags for word in (*forbidden, "<template", "<textarea", "<noscript", "<title"))
    for tag in [part.split(">")[0] for part in tags.split("<")[1:]]:
        assert not any(word in tag for word in (" on", "javascript", "style=", "class=", "http://", "svg"))
    assert inert_html(written) == written


def test_a_picture_stays_if_it_is_embedded_and_is_left_out_if_it_is_fetched() -> None:
    picture = '<img src="data:image/png;base64,aGk=" alt="a plot">'

    assert inert_html(picture) == picture
    assert inert_html("a<img src='http://evil/track' alt='x src=y'>b") == "ab"


def test_a_table_stays_a_table() -> None:
    table = (
        '<table border="1" class="dataframe"><thead><tr><th>a &lt; b</th></tr></thead>'
        '<tbody><tr><td colspan="2">1</td></tr></tbody></table>'
    )

    assert inert_html(table) == table


def test_only_what_cannot_act_is_kept_of_an_output() -> None:
    bundle = {
        "text/plain": ["a", "b"],
        "text/html": f"<b>x</b>{SCRIPT}",
        "application/javascript": "window.hacked = 1",
        "image/svg+xml": "<svg onload=x>",
        "image/png": "aGk=",
        "image/jpeg": '"><script>',
        "text/latex": "$\\href{javascript:1}{x}$",
        "application/vnd.lobu.thread+json": {"threadId": "t"},
        "application/vnd.jupyter.widget-view+json": {"model_id": "m"},
    }
    given = [
        {"output_type": "display_data", "data": bundle, "metadata": {"trusted": True}, "trusted": True},
        {"output_type": "update_display_data", "data": bundle, "transient": {"display_id": "theirs"}},
        {"output_type": "display_data", "data": {"application/javascript": "1"}},
        {"output_type": "stream", "name": "x", "text": 5},
        {"output_type": "error", "ename": "E", "evalue": ["v"], "traceback": ["t", 1]},
        {"output_type": "html"},
        {"output_type": "display_data", "data": {"text/html": "<b>" * 100_000, "text/plain": "long"}},
    ]

    assert inert_outputs(given) == [
        {
            "output_type": "display_data",
            "data": {"text/plain": "ab", "image/png": "aGk=", "text/html": "<b>x</b>"},
            "metadata": {},
        },
        {"output_type": "stream", "name": "stdout", "text": ""},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t", ""]},
        {"output_type": "display_data", "data": {"text/plain": "long"}, "metadata": {}},
    ]


SHOWN = {
    "do": "outputs",
    "cell": "a",
    "was": "x = 1",
    "outputs": [
        {
            "output_type": "display_data",
            "data": {"text/html": f"<b>shown</b>{SCRIPT}", "application/javascript": "window.hacked = 1"},
            "metadata": {},
        }
    ],
}


async def test_outputs_in_the_file_cannot_act_and_are_not_signed(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    contents = wire.app.contents_manager
    await contents.trust_notebook(PATH)
    assert (await contents.get(PATH))["content"].cells[0].metadata.trusted
    resumed = await approved(wire, worker, task, SHOWN)

    assert (await at(wire, worker, resumed, SHOWN, "c"))[0] == 200

    assert "script" not in file.read_text()
    cell = (await contents.get(PATH))["content"].cells[0]
    assert cell.outputs[0].data == {"text/html": "<b>shown</b>"}
    assert not cell.metadata.trusted


async def test_the_open_page_gets_outputs_that_cannot_act(
    wire: Wire, worker: PlainWorker, task: Json
) -> None:
    resumed = await approved(wire, worker, task, SHOWN)
    page = await LobuPage.open(wire)
    await page.say({"type": "offer", "paths": [PATH]})
    await page.say({"type": "watch"})
    await page.hear("changed")

    asked, _ = await asyncio.gather(answers(page, {"done": True}), at(wire, worker, resumed, SHOWN, "c"))

    outputs = asked["request"]["outputs"]
    assert outputs[0]["data"] == {"text/html": "<b>shown</b>"}
    await leaves(page)


# -- risks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "%%javascript\nalert(1)",
        "%%html\n<b>x</b>",
        "%%js\n1",
        "from IPython.display import HTML as H\nH('<script>x</script>')",
        "import IPython\nIPython.display.HTML(text)",
        "from IPython.display import Javascript\nJavascript('x')",
        "from IPython.core.display import Javascript as J\nJ('x')",
        "s = '<scr' + 'ipt>'",
        "s = '\\x3cscript>'",
        "s = b'<script>'",
        "s = f'<script>{x}</script>'",
        "s = '<img src=x onerror=alert(1)>'",
        "s = '<svg\\nonload=x>'",
        "s = '<a href=\"java&#115;cript:x\">'",
        "s = 'java\\tscript:x'",
        "get_ipython().run_cell_magic('javascript', '', 'x')",
        "display({'text/html': x}, raw=True)",
        "display({'application/javascript': 'x'}, raw=True)",
        "class A:\n    def _repr_html_(self): return x",
        "A._repr_html_ = lambda self: 1",
        "IFrame(address)",
        "import anywidget",
        "from anywidget.experimental import widget",
        "import ipywidgets\nclass W(ipywidgets.DOMWidget):\n    _esm = code",
        "W._esm = code",
        "from ipykernel.comm import Comm\nComm('jupyter.widget', data=x)",
        "import comm\ncomm.create_comm(target_name='x')",
    ],
)
def test_code_that_may_act_in_the_page_has_a_hint(code: str) -> None:
    assert "scripts" in risks_of(code)


@pytest.mark.parametrize(
    "code",
    [
        "df.head()",
        "from IPython.display import display\ndisplay(df)",
        "from IPython.display import HTML\nHTML('<b>hi</b>')",
        "print('<b>hi</b>')",
        "x < script_count",
        "if a<base and b>3: pass",
        "df[df.on > 3]",
        "def on_load(x=3): pass",
        "button.on_click(f)",
        "onset = '5'",
        "import ipywidgets\nipywidgets.IntSlider()",
        "from tqdm.auto import tqdm",
    ],
)
def test_usual_code_has_none(code: str) -> None:
    assert "scripts" not in risks_of(code)
