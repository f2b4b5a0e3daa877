"""The demo agent: rules that are useful on a table of sales, honest about what they are."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest

from lobu_jupyter.agents.builtin.demo.agent import demo
from tests.agents.bench import Ended, FakeKernel, policy, resume, run, task_for

mpl.use("agg")
ALLOW = policy(run={"mode": "allow"})
MONTHS = ["Jan", "Feb", "Mar", "Apr"]


@pytest.fixture
def kernel() -> FakeKernel:
    rows = [
        {"month": month, "region": region, "product": product, "units": n + 1, "revenue": (n + 1) * factor}
        for n, month in enumerate(MONTHS)
        for region, factor in (("North", 100.0), ("South", 150.0))
        for product in ("tea", "coffee")
    ]
    return FakeKernel(sales=pd.DataFrame(rows))


@pytest.fixture
def dated() -> FakeKernel:
    dates = pd.date_range("2024-01-01", periods=90, freq="D")
    regions = ["North", "South", "West"] * 30
    return FakeKernel(
        sales=pd.DataFrame({"date": dates, "region": regions, "revenue": [float(n) for n in range(90)]})
    )


async def ask(prompt: str, kernel: FakeKernel) -> Ended:
    return await run(demo(), task_for(prompt, agent="demo", policy=ALLOW), kernel)


async def test_it_says_first_that_it_is_no_language_model_and_how_to_get_one(kernel: FakeKernel) -> None:
    ended = await ask("plot sales by month", kernel)

    first = ended.text.splitlines()[0]
    assert "rule-based demo" in first
    assert "not an AI model" in first
    assert "Add a model to chat for real." in ended.text
    assert ended.usage == []


async def test_it_looks_before_it_asks_to_run_code_and_runs_what_was_approved(kernel: FakeKernel) -> None:
    task = task_for("plot sales by month", agent="demo")

    ended = await run(demo(), task, kernel)
    assert kernel.ran == []
    assert list(ended.calls.values()) == ["list_variables", "describe_variable", "run_code"]
    after = await resume(demo(), task, ended, kernel, "approve")

    (code,) = kernel.ran
    assert code == ended.interrupts[0].args["code"]
    assert 'groupby("month", sort=False)["revenue"].sum()' in code
    assert "highest is Apr (2,000.00), the lowest Jan (500.00)" in after.text


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("how many rows are there?", "16 rows"),
        ("how many sales per region?", "16 rows, 2 different region"),
        ("average revenue by region", "highest is South (375.00), the lowest North (250.00)"),
        ("top 1 product by revenue", "highest is"),
        ("total units", "40"),
        ("which region grew fastest?", "Compared"),
        ("any missing values?", "revenue    0"),
        ("summarise sales", "16 rows and 5 columns"),
        ("describe sales", "`region`"),
        ("correlation of the numbers", "revenue"),
        ("plot revenue by region as a pie chart", "highest is South"),
        ("plot units by month and region", "highest is"),
        ("scatter plot of units and revenue", "no output"),
        ("histogram of revenue", "no output"),
    ],
)
async def test_it_understands(prompt: str, says: str, kernel: FakeKernel) -> None:
    ended = await ask(prompt, kernel)

    if prompt.startswith("which region grew"):
        says = "The fastest is"
    assert says in ended.text, ended.text
    assert ended.error is None
    assert "failed" not in ended.text


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("plot sales by month", "highest is 2024-03"),
        ("plot revenue per week", "highest is 2024"),
        ("which region grew fastest", "fastest is"),
        ("average revenue by region", "highest is West"),
    ],
)
async def test_it_groups_dates_by_period(prompt: str, says: str, dated: FakeKernel) -> None:
    ended = await ask(prompt, dated)

    assert says in ended.text, ended.text


async def test_it_leaves_the_persons_own_names_alone(kernel: FakeKernel) -> None:
    kernel.names["result"] = "mine"

    await ask("average revenue by region", kernel)

    assert kernel.names["result"] == "mine"


async def test_it_says_what_it_can_do_and_what_would_work_where_it_does_not_understand(
    kernel: FakeKernel,
) -> None:
    can = await ask("what can you do?", kernel)
    lost = await ask("compose a symphony", kernel)

    assert "describe" in can.text
    assert can.calls == {}
    assert "plot revenue by month" in lost.text


async def test_without_a_table_it_says_what_it_needs() -> None:
    ended = await ask("plot sales", FakeKernel(x=1))

    assert "no pandas DataFrame" in ended.text


async def test_without_a_kernel_it_says_so() -> None:
    ended = await run(demo(), task_for("plot sales", agent="demo", kernel=None), None)

    assert "kernel" in ended.text


async def test_refused_it_stops_and_a_failure_is_told(kernel: FakeKernel) -> None:
    task = task_for("plot sales by month", agent="demo")
    ended = await run(demo(), task, kernel)

    refused = await resume(demo(), task, ended, kernel, {"kind": "reject", "reason": "not now"})
    broken = await resume(demo(), task, ended, kernel, {"kind": "edit", "edited_args": {"code": "1 / 0"}})

    assert "OK, I didn't run it. not now" in refused.text
    assert kernel.ran == ["1 / 0"]
    assert "failed with `ZeroDivisionError: division by zero`" in broken.text


@pytest.mark.parametrize("label", ['unit "price"', "it's {odd}", "back\\slash", "naïve 売上", 7])
async def test_the_labels_of_columns_may_be_anything(label: object) -> None:
    group = 'the "group" {x}'
    rows = {group: ["a", "b", "a"], label: [1.0, 2.0, 4.0], ("not", "for us"): [1, 2, 3]}
    kernel = FakeKernel(data=pd.DataFrame(rows))

    for prompt in ("average by group", "plot the data", "how many rows by group", "top 2", "histogram"):
        ended = await ask(f"{prompt} of data", kernel)

        assert ended.error is None
        assert "failed" not in ended.text, (prompt, ended.text, kernel.ran[-1:])
    assert len(kernel.ran) == 5
