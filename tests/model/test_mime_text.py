"""The content of an output reaches a model, never the name of its object."""

from __future__ import annotations

import base64
import struct
import time
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
    assert text_of_data(data).split("\n") == ["[bokeh chart] Speed", "LinearAxis: km/h", "columns: t: [1]"]


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


def cells(table: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.split("\n")
        if "---" not in line
    ]


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ("<p>seen</p><p style='display:none'>no</p>", "seen"),
        ("<p>seen</p><p style='color: red; DISPLAY : none !important'>no<b>no</b></p>", "seen"),
        ("<p>seen</p><div hidden>no</div><span style='visibility: hidden'>no</span><!-- no -->", "seen"),
        ("<style>.x, #y {display: none}</style><p class='x'>no</p><p id='y'>no</p><p>seen</p>", "seen"),
        ("<style>p:hover {display: none}</style><p>seen</p>", "seen"),
        ("<noscript>no</noscript><title>no</title><template>no</template>seen", "seen"),
        ("<details><summary>more</summary>inside</details>", "more\n\ninside"),
        ("<iframe src='http://example.org/x'></iframe>", "[a page: http://example.org/x]"),
        ("<iframe srcdoc='&lt;b&gt;inner&lt;/b&gt;'></iframe>", "**inner**"),
        ("<audio controls><source src='data:audio/wav;base64," + "A" * 60 + "'/>No audio.</audio>", "[audio: data:audio/wav,…]"),
        ("<video src='v.mp4'>Your browser…</video>", "[video: v.mp4]"),
        ("<svg><text>north</text><text>south</text></svg>", "north south"),
        ("<select><option>a</option><option selected>b</option></select>", "b"),
        ("<input type=password value=no><input type=checkbox checked>on <input value=name>", "[x] on  name"),
        ("a<img>b", "ab"),
    ],
)  # fmt: skip
def test_html_is_told_as_a_browser_shows_it(html: str, told: str) -> None:
    assert text_of_data({"text/plain": NAME, "text/html": html}) == told


def test_merged_cells_are_told_in_each_of_their_places() -> None:
    html = (
        "<table><tr><th rowspan=2>r</th><th colspan=2>both</th></tr><tr><th>a</th><th>b</th></tr>"
        "<tr><td rowspan=9>k</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
    )

    assert cells(text_of_data({"text/html": html})) == [
        ["r", "both", "both"],
        ["r", "a", "b"],
        ["k", "1", "2"],
        ["k", "3", "4"],
    ]


def test_a_table_in_a_table_is_told_in_its_cell() -> None:
    html = "<table><tr><td>out<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table></td><td>B</td></tr></table>"

    assert cells(text_of_data({"text/html": html}))[1] == ["out 1; 2 / 3", "B"]


def test_a_span_that_never_ends_is_bounded() -> None:
    html = "<table><tr><td colspan=99999 rowspan=99999999999>x</td></tr><tr><td colspan=x>y</td></tr></table>"

    assert len(text_of_data({"text/html": html})) < 2000


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"text/plain": f"Table(body=<lib.Body object at 0x7f01>, {'x' * 99})", "text/html": "<b>7</b>"}, "**7**"),
        ({"text/plain": "Table(<lib.Body object at 0x7f01>)", "text/html": "<script>draw()</script>"},
         "Table(<lib.Body object at 0x7f01>)"),
        ({"text/plain": "print(1)", "text/latex": "\\begin{Verbatim}[commandchars=\\\\]\nx", "text/html": "<pre>print(1)</pre>"},
         "print(1)"),
        ({"text/plain": NAME, "application/javascript": "alert(1)"}, "alert(1)"),
    ],
)  # fmt: skip
def test_the_form_that_says_most_is_told(data: dict[str, Any], told: str) -> None:
    assert text_of_data(data) == told


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        ({"type": "indicator", "value": 5, "title": {"text": "KPI"}}, ["- indicator, KPI, value: 5"]),
        ({"type": "scatterpolar", "r": [1], "theta": ["a"]}, ["- scatterpolar, r: [1], theta: [a]"]),
        ({"type": "ohlc", "x": [1], "open": [2], "close": [3]}, ["- ohlc, x: [1], open: [2], close: [3]"]),
        (
            {"type": "table", "header": {"values": ["n"]}, "cells": {"values": [[1, 2]]}},
            ["- table", "  header: [n]", "  column: [1, 2]"],
        ),
        (
            {"type": "sankey", "node": {"label": ["A", "B"]}, "link": {"source": [0], "target": [1], "value": [8]}},
            ["- sankey", "  nodes: [A, B]", "  links: [0 to 1: 8]"],
        ),
        (
            {"type": "parcoords", "dimensions": [{"label": "w", "values": [1]}, 5]},
            ["- parcoords", "  w: [1]", "  : None"],
        ),
    ],
)  # fmt: skip
def test_each_kind_of_plotly_trace_tells_its_values(trace: dict[str, Any], told: list[str]) -> None:
    figure = {"data": [trace], "layout": {"annotations": [{"text": "peak"}, 5]}}

    assert text_of_data({"application/vnd.plotly.v1+json": figure}).split("\n") == [
        "[plotly chart]",
        *told,
        "note: peak",
    ]


def test_two_bokeh_figures_are_told_one_after_the_other() -> None:
    def figure(title: str, data: str) -> str:
        return (
            '{"type":"object","name":"Figure","attributes":{"title":{"type":"object","name":"Title","attributes":'
            f'{{"text":"{title}"}}}},"renderers":[{{"type":"object","name":"GlyphRenderer","attributes":{{"data_source":'
            f'{{"type":"object","name":"ColumnDataSource","attributes":{{"data":{{"type":"map","entries":[["x",{data}]]}}}}}},'
            '"glyph":{"type":"object","name":"Line"}}}]}}'
        )

    packed = base64.b64encode(struct.pack("<2i", 3, 4)).decode()
    array = f'{{"type":"ndarray","array":{{"type":"bytes","data":"{packed}"}},"dtype":"int32"}}'
    docs = f'{{"1":{{"roots":[{figure("One", "[1,2]")},{figure("Two", array)}]}}}}'
    data = {
        "application/vnd.bokehjs_exec.v0+json": "",
        "application/javascript": f"const docs_json = {docs};",
    }

    assert text_of_data(data).split("\n") == [
        "[bokeh chart] One",
        "- Line",
        "columns: x: [1, 2]",
        "[bokeh chart] Two",
        "- Line",
        "columns: x: [3, 4]",
    ]


VEGA = '{"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "title": "T", "facet": {"field": "c"}, "spec": {"mark": "bar"}}'


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (f"<script>(function(spec, o) {{ vegaEmbed(d, spec); }})({VEGA}, {{}});</script>",
         "[vega chart] T\n  facet: c\n- bar"),
        (f"<script>var spec = {VEGA};\nvegaEmbed('#v', spec);</script>", "[vega chart] T\n  facet: c\n- bar"),
        ('<script>Plotly.newPlot( "id", [{"y": [1], "type": "bar"}], {"title": {"text": "P"}}, {})</script>',
         "[plotly chart] P\n- bar, y: [1]"),
        ("<script>frames[0] = 'x'; frames[1] = 'y'; new Animation(frames, 1)</script><button>Once</button>",
         "[an animation of 2 frames, that you cannot see]"),
        ("<span>Trust</span><iframe srcdoc='&lt;script src=&quot;leaflet.js&quot;&gt;L.map(&quot;m&quot;,{center: [46.0, 7.0]});"
         "L.marker([46.9, 7.4],{});&lt;/script&gt;'></iframe>", "[leaflet map] centre [46.0, 7.0]\n- marker [46.9, 7.4]"),
        ("<script>Plotly.newPlot(broken</script>kept", "kept"),
        ("<script>vegaEmbed({broken</script>kept", "kept"),
    ],
)  # fmt: skip
def test_a_chart_that_a_page_draws_by_a_script_is_told(page: str, told: str) -> None:
    assert text_of_data({"text/plain": NAME, "text/html": page}) == told


BOMBS = {
    "a wide table": "<table><tr>" + "<td>x</td>" * 20_000,
    "tables in tables": "<table><tr><td>" * 8000,
    "lists in lists": "<ul><li>" * 20_000,
    "merged cells": "<table>" + "<tr><td colspan=100 rowspan=100>x</td></tr>" * 4000,
    "selectors": "<style>" + "* ~ * ~ * ~ * .q {display:none}" * 40 + "</style>" + "<p>x</p>" * 18_000,
    "beginnings": "<" * 200_000,
    "pages in pages": '<iframe srcdoc="' + "&lt;b&gt;x" * 10_000 + '"></iframe>',
}


@pytest.mark.parametrize("html", BOMBS.values(), ids=BOMBS)
def test_html_that_was_made_to_be_slow_takes_bounded_time(html: str):
    began = time.process_time()

    text = text_of_data({"text/html": html})

    assert time.process_time() - began < 4  # without bounds 3 to 300 s
    assert len(text) <= 400_000


def test_html_with_too_many_tags_says_that_its_rest_is_left_out():
    assert text_of_data({"text/html": "<p>x</p>" * 6000}).endswith("[the rest of this HTML is left out]")
