"""The names that code takes from its kernel."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.free_names import free_names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("sales.groupby('x').sum()", ["sales"]),
        ("import pandas as pd\npd.read_csv(path)", ["path"]),
        ("total = 0\nfor row in rows:\n    total += row.amount\nprint(total)", ["rows"]),
        ("def f(a, *b, **c):\n    return a + scale\nf(1)", ["scale"]),
        ("[y for y in xs if y > cut]", ["xs", "cut"]),
        ("%matplotlib inline\n!ls\nplot(df)", ["plot", "df"]),
        ("x +", []),
        ("\0", []),
    ],
)
def test_names_that_are_read_and_nowhere_defined(code: str, names: list[str]) -> None:
    assert sorted(free_names(code)) == sorted(names)
