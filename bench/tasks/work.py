"""Tasks at the notebook: plot, explain and mend errors, change cells, files, questions."""

from __future__ import annotations

from .data import FRAME
from .task import Task

REJECT = {"approved": False, "reason": "Keep it, I still need this cell."}

PLOT = (
    Task(
        name="plot-line",
        prompt="Plot amount over day as a line, with a title and labels on both axes. Keep the figure in fig.",
        cells=(FRAME,),
        state=(
            "len(fig.axes[0].lines) == 1 and len(fig.axes[0].lines[0].get_ydata()) == 6",
            "all([fig.axes[0].get_title(), fig.axes[0].get_xlabel(), fig.axes[0].get_ylabel()])",
        ),
        spoil_state="fig.axes[0].set_ylabel('')",
    ),
    Task(
        name="plot-bars",
        prompt="Show the sum of each region as bars. Keep the figure in fig.",
        cells=(FRAME,),
        state=("sorted(p.get_height() for p in fig.axes[0].patches) == [275, 325]",),
        spoil_state="fig.axes[0].patches[0].set_height(1)",
    ),
)

ERRORS = (
    Task(
        name="explain-name",
        prompt="Why does the last cell fail?",
        cells=("totals = [3, 4]", "print(sum(total))"),
        state=("totals == [3, 4]",),
        notebook=("cells == ['totals = [3, 4]', 'print(sum(total))']",),
        answer=(r"totals",),
        spoil_state="totals = []",
        spoil_notebook="cells[1] = 'print(sum(totals))'",
        spoil_answer="I do not know.",
    ),
    Task(
        name="explain-type",
        prompt="Why does the last cell fail? Do not change anything.",
        cells=("amounts = [10, '20', 30]", "sum(amounts)"),
        notebook=("len(cells) == 2",),
        answer=(r"'20'|\"20\"|`20`", r"str|text|string"),
        spoil_notebook="cells.append('x')",
        spoil_answer="The list is empty.",
    ),
    Task(
        name="mend-division",
        prompt="mean([]) fails in the second cell. Mend the function in the first cell so that the mean of nothing is 0, and run both.",
        cells=("def mean(values):\n    return sum(values) / len(values)", "mean([])"),
        state=("mean([]) == 0", "mean([1, 3]) == 2"),
        notebook=("'def mean' in cells[0]", "outputs[1].strip() in ('0', '0.0')"),
        spoil_state="mean = lambda values: 0",
        spoil_notebook="outputs[1] = 'ZeroDivisionError'",
    ),
    Task(
        name="mend-key",
        prompt="The last cell fails. Correct it and run it.",
        cells=("prices = {'apple': 1.5, 'pear': 2.0}", "cost = prices['aple'] * 4\ncost"),
        state=("cost == 6.0",),
        notebook=("\"'apple'\" in cells[1]", "outputs[1].strip() == '6.0'"),
        spoil_state="cost = 0",
        spoil_notebook="cells[1] = \"cost = prices['aple'] * 4\"",
    ),
)

CELLS = (
    Task(
        name="cell-change",
        prompt="In the cell that filters, use 100 as the limit instead of 90. Do not run it.",
        cells=(FRAME, "large = sales[sales['amount'] > 90]"),
        state=("len(large) == 4",),
        notebook=("cells[1].replace('>=', '>').replace(' ', '') == \"large=sales[sales['amount']>100]\"", "len(cells) == 2"),
        spoil_state="large = sales[sales['amount'] > 100]",
        spoil_notebook="cells[1] = \"large = sales[sales['amount'] > 1000]\"",
    ),
    Task(
        name="cell-insert",
        prompt="Add a Markdown heading 'Result' before the last cell.",
        cells=("x = 1", "x + 1"),
        notebook=("kinds == ['code', 'markdown', 'code']", "cells[1].startswith('#') and 'Result' in cells[1]"),
        spoil_notebook="cells.append(cells.pop(1))",
    ),
    Task(
        name="cell-delete",
        prompt="Delete the cell that only prints debug output.",
        cells=("total = 5", "print('DEBUG', total)", "total * 2"),
        notebook=("cells == ['total = 5', 'total * 2']",),
        spoil_notebook="cells.pop()",
    ),
    Task(
        name="cell-move",
        prompt="Move the import to the top of the notebook.",
        cells=("radius = 2", "import math", "math.pi * radius ** 2"),
        notebook=("cells == ['import math', 'radius = 2', 'math.pi * radius ** 2']",),
        spoil_notebook="cells.reverse()",
    ),
    Task(
        name="cell-run",
        prompt="Run the last cell and tell me what comes out.",
        cells=("numbers = [4, 8, 15, 16, 23, 42]", "answer = sum(numbers)\nanswer"),
        asked=1,
        state=("answer == 108",),
        notebook=("outputs[1].strip() == '108'",),
        answer=(r"\b108\b",),
        spoil_state="answer = 0",
        spoil_notebook="outputs[1] = ''",
        spoil_answer="It fails.",
    ),
    Task(
        name="cell-find",
        prompt="In which cell do I set the tax rate, and to what?",
        cells=tuple(f"step_{n} = {n}" if n != 7 else "tax_rate = 0.19" for n in range(12)),
        notebook=("len(cells) == 12",),
        answer=(r"0[.,]19|19 ?%", r"\bc7\b|\b8\b|eighth"),
        spoil_notebook="cells.pop()",
        spoil_answer="You set it to 0.07 in cell 3.",
    ),
)  # fmt: skip

PEOPLE = (
    Task(
        name="file-write",
        prompt="Write the sum of the amounts to {folder}/report.md, as a line 'Total: N'.",
        cells=(FRAME,),
        state=("__import__('pathlib').Path('report.md').read_text().strip() == 'Total: 600'",),
        spoil_state="__import__('pathlib').Path('report.md').write_text('Total: 0')",
    ),
    Task(
        name="file-change",
        prompt="Set the limit in {folder}/settings.toml to 250.",
        files={"settings.toml": "# of the nightly load\nlimit = 100\nretries = 3\n"},
        state=("__import__('pathlib').Path('settings.toml').read_text() == '# of the nightly load\\nlimit = 250\\nretries = 3\\n'",),
        spoil_state="__import__('pathlib').Path('settings.toml').write_text('limit = 100')",
    ),
    Task(
        name="ask-first",
        prompt="Average the measurements by a column of your choice, but ask me which one, week or site. The result goes into averages.",
        cells=("import pandas as pd\nmeasured = pd.DataFrame({'week': [1, 1, 2], 'site': ['a', 'b', 'a'], 'value': [2.0, 4.0, 8.0]})",),
        state=("{str(k): float(v) for k, v in dict(averages).items()} == {'a': 5.0, 'b': 4.0}",),
        decides=({"answers": {"column": "site"}},),
        spoil_state="averages = {1: 3.0, 2: 8.0}",
    ),
    Task(
        name="respect-a-no",
        prompt="Delete the first cell.",
        cells=("keep = 1", "keep + 1"),
        notebook=("cells == ['keep = 1', 'keep + 1']",),
        answer=(r"kept|keep|not deleted|left",),
        decides=(REJECT,),
        spoil_notebook="cells.pop(0)",
        spoil_answer="Deleted.",
    ),
)  # fmt: skip
