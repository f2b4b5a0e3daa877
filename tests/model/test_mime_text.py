"""The content of an output reaches a model, never the name of its object."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from lobu_jupyter.model.mime_text import names_an_object, text_of_data

NAME = "<IPython.core.display.Markdown object>"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"text/plain": NAME, "text/markdown": "# 42"}, "# 42"),
        ({"text/plain": NAME, "application/json": {"a": 1}}, '{"a": 1}'),
        ({"text/plain": NAME, "text/latex": "$x^2$"}, "$x^2$"),
        ({"text/plain": NAME, "text/html": "<p>a <b>c</b></p>"}, "a **c**"),
        ({"text/plain": "   a\n0  1", "text/html": "<table><tr><td>1</td></tr></table>"}, "   a\n0  1"),
        ({"text/plain": ["a\n", "b"]}, "a\nb"),
        ({"text/plain": "\x1b[1mbold\x1b[0m\rB"}, "Bold"),
        ({"text/plain": NAME, "application/geo+json": {"type": "Point"}}, '{"type": "Point"}'),
        ({"text/plain": NAME, "text/csv": "a,b"}, "a,b"),
        ({"text/plain": NAME}, NAME),
        (
            {"text/plain": "<Figure size 640x480 with 1 Axes>", "image/png": "…"},
            "<Figure size 640x480 with 1 Axes>",
        ),
        ({"text/plain": NAME, "image/png": "…"}, ""),
        ({}, ""),
    ],
)
def test_the_richest_text_is_told(data: dict[str, Any], told: str) -> None:
    assert text_of_data(data) == told


def test_a_table_is_told_as_a_table() -> None:
    html = "<style>td {color: red}</style><table><tr><th>n</th></tr><tr><td>7</td></tr></table><script>x()</script>"

    assert text_of_data({"text/plain": NAME, "text/html": html}).split() == [
        "|",
        "n",
        "|",
        "|",
        "---",
        "|",
        "|",
        "7",
        "|",
    ]


def test_html_that_nests_too_deep_is_told_without_its_tags() -> None:
    html = "<div>" * 5000 + "deep" + "</div>" * 5000

    assert text_of_data({"text/html": html}) == "deep"


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        (NAME, True),
        ("<Figure object at 0x7f>", True),
        ("<pandas.io.formats.style.Styler at 0x7f0c>", True),
        ("<VegaLite 5 object>\n\nIf you see this message, …", True),
        ("1 < 2 object", False),
        ("<xarray.Dataset> Size: 8B", False),
        ("a <b object> c", False),
    ],
)
def test_a_name_of_an_object_is_known(text: str, is_name: bool) -> None:
    assert names_an_object(text) is is_name


def test_a_plotly_figure_is_told_by_title_axes_and_series() -> None:
    typed = {"dtype": "f8", "bdata": base64.b64encode(struct.pack("<3d", 1.5, 2, 3)).decode()}
    figure = {
        "data": [{"type": "bar", "name": "north", "x": ["jan", "feb"], "y": [1, 2]}, {"y": typed}],
        "layout": {
            "title": {"text": "Sales"},
            "xaxis": {"title": {"text": "month"}},
            "yaxis": {"title": "units"},
        },
    }

    assert text_of_data({"application/vnd.plotly.v1+json": figure, "text/html": "<div>…</div>"}).split(
        "\n"
    ) == [
        "[plotly chart] Sales",
        "xaxis: month",
        "yaxis: units",
        "- bar, north, x: [jan, feb], y: [1, 2]",
        "- scatter, y: [1.5, 2.0, 3.0]",
    ]


def test_a_vega_lite_chart_is_told_by_title_axes_and_data() -> None:
    chart = {
        "title": "Yield",
        "mark": {"type": "bar"},
        "encoding": {"x": {"field": "site"}, "y": {"aggregate": "sum", "field": "yield", "title": "tons"}},
        "datasets": {"data-1": [{"site": "a", "yield": 1}]},
    }

    assert text_of_data(
        {"application/vnd.vegalite.v5+json": chart, "text/plain": "<VegaLite 5 object>"}
    ).split("\n") == [
        "[vega chart] Yield",
        "- bar",
        "  x: site",
        "  y: sum yield (tons)",
        'data data-1: 1 rows, first [{"site": "a", "yield": 1}]',
    ]


def test_a_bokeh_figure_is_told_by_title_axes_and_columns() -> None:
    docs = (
        '{"1":{"roots":[{"type":"object","name":"Figure","attributes":{'
        '"title":{"type":"object","name":"Title","attributes":{"text":"Speed"}},'
        '"left":[{"type":"object","name":"LinearAxis","attributes":{"axis_label":"km/h"}}],'
        '"source":{"type":"object","name":"ColumnDataSource","attributes":{"data":{"type":"map","entries":[["t",[1]]]}}}'
        "}}]}}"
    )
    script = f"(function(root) {{ const docs_json = {docs};\n const render_items = []; }})(window);"

    data = {
        "application/vnd.bokehjs_exec.v0+json": "",
        "application/javascript": script,
        "text/html": "<div></div>",
    }
    assert text_of_data(data).split("\n") == ["[bokeh chart] Speed", "LinearAxis: km/h", "columns: t"]


@pytest.mark.parametrize(
    "data",
    [
        {"application/vnd.plotly.v1+json": value}
        for value in (
            None,
            5,
            "x",
            [],
            {"data": 5},
            {"data": [5]},
            {"layout": 5},
            {"data": [{"x": {"bdata": "!"}}]},
        )
    ]
    + [
        {"application/vnd.vegalite.v5+json": value}
        for value in (5, {"encoding": 5}, {"layer": 5}, {"data": 5})
    ]
    + [{"application/vnd.bokehjs_exec.v0+json": "", "application/javascript": "docs_json = {broken};"}],
)
def test_a_malformed_chart_raises_nothing(data: dict[str, Any]) -> None:
    assert isinstance(text_of_data(data), str)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"text/html": f"<img alt='sales' src='data:image/png;base64,{'A' * 50_000}'>"}, "![sales](data:image/png,…)"),
        ({"text/html": f"<a href=\"data:text/csv;charset=utf-8;base64,{'A' * 9000}\">csv</a>"}, "[csv](data:text/csv,…)"),
        ({"text/html": "<p>data: a, b</p>"}, "data: a, b"),
        ({"application/vnd.acme+json": {"a": 1}, "text/plain": "<Acme object>"}, '{"a": 1}'),
        ({"application/vnd.acme+json": {"a": 1}, "text/plain": "Acme of 1"}, "Acme of 1"),
        ({"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "<Acme object>"}, "<Acme object>"),
        ({"application/vnd.acme+json": {"a": 1}, "image/png": "x", "text/plain": "<Acme object>"}, ""),
    ],
)  # fmt: skip
def test_embedded_data_is_named_and_a_vendors_json_is_told_where_nothing_else_is(
    data: dict[str, Any], told: str
) -> None:
    assert text_of_data(data) == told
