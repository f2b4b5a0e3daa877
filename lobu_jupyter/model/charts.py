"""Charts as text for a model: the title, the axes and the series of a plotly, vega or bokeh figure.

The shapes are those of plotly.js figures, of Vega and Vega-Lite specifications, and of bokeh's ``docs_json``.
A part that is missing or of another shape is left out. An unreadable chart is described by its kind alone.
"""

from __future__ import annotations

import base64
import binascii
import html as htmllib
import itertools
import json
import re
from array import array
from typing import Any

from .text import one_line

Data = dict[str, Any]

MOST_SERIES, MOST_VALUES = 12, 8
PLOTLY = "application/vnd.plotly.v1+json"
_AXIS = re.compile(r"[xyz]axis\d*")
_SERIES = (
    "x", "y", "z", "labels", "parents", "locations", "values", "value", "lat", "lon", "r", "theta", "a", "b", "c",
    "open", "high", "low", "close", "text",
)  # fmt: skip
_TYPED = {
    "f8": "d",
    "f4": "f",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
}
_VEGA = re.compile(r"application/vnd\.vega(lite)?\.v\d+(\.\d+)*\+json")
_VEGA_SPEC = re.compile(r"(?:\)\(|=\s*|,\s*)\{(?=\s*\")")
_FRAME = re.compile(r"\bframes\[\d+\]\s*=")
_CENTRE = re.compile(r"center:\s*(\[[^\]]{1,80}\])")
_MARKER = re.compile(r"L\.(?:marker|circle|circleMarker)\(\s*(\[[^\]]{1,80}\])")
_POPUP = re.compile(r"\$\(`<div[^>`]{0,200}>([^<`]{1,400})</div>`\)")
_BOKEH = ("application/vnd.bokehjs_exec.v0+json", "application/vnd.bokehjs_load.v0+json")
_BOKEH_DOCS = re.compile(r"docs_json\s*=\s*(['\"]?)(\{.*?\})\1;", re.DOTALL)


def described_chart(data: Data) -> str:
    """Return the description of a chart in a MIME bundle, or an empty text if there is none."""
    lines: list[str] = []
    if PLOTLY in data:
        lines = _plotly(_loaded(data[PLOTLY]))
    elif spec := next((data[mime] for mime in data if _VEGA.fullmatch(mime)), None):
        lines = _vega(_loaded(spec))
    elif any(mime in data for mime in _BOKEH):
        lines = _bokeh(data)
    elif html := data.get("text/html"):
        return described_page("".join(html) if isinstance(html, list) else str(html))
    return "\n".join(lines)


def described_page(html: str) -> str:
    """Return the description of the chart that a page draws with a script of its own, else an empty text."""
    if (at := html.find("Plotly.newPlot(")) >= 0:
        traces, end = _json_in(html, html.find("[", at))
        layout, _ = _json_in(html, html.find("{", end)) if end >= 0 else (None, -1)
        return "\n".join(_plotly({"data": traces, "layout": layout})) if isinstance(traces, list) else ""
    if "vegaEmbed" in html:
        for match in itertools.islice(_VEGA_SPEC.finditer(html), 20):
            spec, _ = _json_in(html, match.end() - 1)
            if isinstance(spec, dict) and "vega" in str(spec.get("$schema")):
                return "\n".join(_vega(spec))
    if "new Animation(" in html and (frames := len(_FRAME.findall(html))):
        return f"[an animation of {frames} frames, that you cannot see]"
    return _leaflet(htmllib.unescape(html)) if "leaflet" in html[:400_000] else ""


def _json_in(text: str, at: int) -> tuple[Any, int]:
    """Return the JSON at a place of a script and its end, or None and -1."""
    if at < 0:
        return None, -1
    try:
        return json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, -1


def _leaflet(page: str) -> str:
    centre = _CENTRE.search(page)
    if "L.map(" not in page:
        return ""
    lines = [f"[leaflet map] {'centre ' + centre[1] if centre else ''}".rstrip()]
    lines += [f"- marker {' '.join(place.split())}" for place in _MARKER.findall(page)[: 2 * MOST_SERIES]]
    lines += [f"- popup: {_short(text)}" for text in _POPUP.findall(page)[: 2 * MOST_SERIES] if text.strip()]
    return "\n".join(lines)


def _plotly(figure: Any) -> list[str]:
    figure = _object(figure)
    layout = _object(figure.get("layout"))
    lines = [f"[plotly chart] {_title(layout.get('title'))}".rstrip()]
    titles = {
        name: _title(_object(layout[name]).get("title")) for name in sorted(layout) if _AXIS.fullmatch(name)
    }
    lines += [f"{name}: {title}" for name, title in titles.items() if title]
    traces = figure.get("data")
    for trace in [t for t in traces if isinstance(t, dict)][:MOST_SERIES] if isinstance(traces, list) else []:
        parts = [str(trace.get("type", "scatter"))]
        parts += [_short(str(trace["name"]))] if trace.get("name") else []
        parts += [title] if (title := _title(trace.get("title"))) else []
        parts += [f"{key}: {_values(trace[key])}" for key in _SERIES if key in trace]
        lines.append("- " + ", ".join(parts))
        lines += _inner(trace)
    notes = layout.get("annotations")
    told = [_title(_object(note)) for note in notes] if isinstance(notes, list) else []
    return lines + [f"note: {note}" for note in told[:MOST_SERIES] if note]


def _inner(trace: Data) -> list[str]:
    """Return what a trace keeps in parts of its own: a table's columns, a Sankey's links, dimensions."""
    header, cells = _object(trace.get("header")).get("values"), _object(trace.get("cells")).get("values")
    lines = [f"  header: {_values(header)}"] if header is not None else []
    lines += [f"  column: {_values(column)}" for column in _list(cells)[:MOST_SERIES]]
    if labels := _object(trace.get("node")).get("label"):
        lines.append(f"  nodes: {_values(labels)}")
    link = _object(trace.get("link"))
    if link:
        ends = zip(
            _list(link.get("source")), _list(link.get("target")), _list(link.get("value")), strict=False
        )
        lines.append(f"  links: {_values([f'{a} to {b}: {value}' for a, b, value in ends])}")
    for dimension in _list(trace.get("dimensions"))[:MOST_SERIES]:
        said = _object(dimension)
        lines.append(f"  {_title(said.get('label'))}: {_values(said.get('values'))}")
    return lines


def _vega(spec: Any) -> list[str]:
    spec = _object(spec)
    lines = [f"[vega chart] {_title(spec.get('title'))}".rstrip()]
    for view in _views(spec):
        mark = view.get("mark")
        kind = mark.get("type") if isinstance(mark, dict) else mark
        if isinstance(kind, str):
            lines.append(f"- {kind}")
        facet = _object(view.get("facet"))
        parted = {"facet": facet} if "field" in facet else facet
        for channel, definition in {**_object(view.get("encoding")), **parted}.items():
            if isinstance(definition, dict) and (said := _channel(definition)):
                lines.append(f"  {channel}: {said}")
    axes = [
        axis for axis in spec.get("axes") or [] if isinstance(axis, dict) and axis.get("title")
    ]  # Vega itself
    lines += [f"axis {axis.get('orient') or axis.get('scale')}: {_title(axis['title'])}" for axis in axes]
    for name, rows in _vega_data(spec):
        first = _short(json.dumps(rows[:3], default=str), 300)
        lines += [f"data {name}: {len(rows)} rows, first {first}"]
    return lines[: 4 * MOST_SERIES]


def _views(spec: Data, depth: int = 0) -> list[Data]:
    """Return the views of a specification: itself, its layers and its concatenated views."""
    found = [spec]
    for key in ("layer", "hconcat", "vconcat", "concat"):
        parts = spec.get(key)
        for part in parts if isinstance(parts, list) and depth < 5 else []:
            found += _views(_object(part), depth + 1)
    if isinstance(spec.get("spec"), dict) and depth < 5:
        found += _views(spec["spec"], depth + 1)
    return found[:MOST_SERIES]


def _channel(definition: Data) -> str:
    title = definition.get("title") or _object(definition.get("axis")).get("title")
    parts = [
        definition.get("aggregate"),
        definition.get("field"),
        f"({title})" if isinstance(title, str) else None,
    ]
    return " ".join(str(part) for part in parts if isinstance(part, str))


def _vega_data(spec: Data) -> list[tuple[str, list[Any]]]:
    data = spec.get("data")
    sources = [_object(source) for source in (data if isinstance(data, list) else [data])]
    found = [(str(source.get("name", "values")), source.get("values")) for source in sources]
    found += [(str(name)[:20], rows) for name, rows in _object(spec.get("datasets")).items()]
    return [(name, rows) for name, rows in found if isinstance(rows, list)][:4]


def _bokeh(data: Data) -> list[str]:
    script = data.get("application/javascript") or ""
    match = _BOKEH_DOCS.search("".join(script) if isinstance(script, list) else str(script))
    lines = ["[bokeh chart]"]
    if match is None:
        return lines
    titled = False
    for model in _models(_loaded(match[2])):
        kind, said = str(model.get("name") or model.get("type")), _object(model.get("attributes"))
        if kind in ("Figure", "Plot"):
            title = _title(_object(_object(said.get("title")).get("attributes")).get("text"))
            head = f"[bokeh chart] {title}".rstrip()
            lines = [*lines, head] if titled else [head]
            titled = True
        elif kind.endswith("Axis") and isinstance(said.get("axis_label"), str):
            lines.append(f"{kind}: {_short(said['axis_label'])}")
        elif kind == "GlyphRenderer":
            lines.append(f"- {_object(said.get('glyph')).get('name', 'glyph')}")
        elif kind == "LegendItem" and (label := _object(said.get("label")).get("value")):
            lines.append(f"legend: {_short(str(label))}")
        elif kind == "ColumnDataSource":
            columns = _bokeh_columns(said.get("data"))
            lines.append(f"columns: {', '.join(columns[:MOST_SERIES])}" if columns else "columns: none")
    return lines[: 4 * MOST_SERIES]


def _bokeh_columns(data: Any) -> list[str]:
    if isinstance(data, dict) and data.get("type") == "map":
        entries = [
            entry for entry in data.get("entries") or [] if isinstance(entry, list) and len(entry) == 2
        ]
    else:
        entries = list(data.items()) if isinstance(data, dict) else []
    return [f"{name}: {_values(_bokeh_array(value))}" for name, value in entries]


def _bokeh_array(value: Any) -> Any:
    kept = _object(value)
    if kept.get("type") != "ndarray":
        return value
    packed = _object(kept.get("array")).get("data")
    if not isinstance(packed, str):
        return _object(value).get("array")
    code = {"int": "i", "uint": "u", "float": "f"}
    kind, bits = re.sub(r"\d", "", str(kept.get("dtype"))), re.sub(r"\D", "", str(kept.get("dtype")))
    return {"dtype": f"{code.get(kind, kind)}{int(bits or 0) // 8}", "bdata": packed}


def _models(node: Any) -> list[Data]:
    """Return each object with a name and attributes, in the order of the document."""
    found: list[Data] = []
    stack: list[Any] = [node]
    while stack and len(found) < 500:
        node = stack.pop()
        if isinstance(node, dict):
            if "attributes" in node and ("name" in node or "type" in node):
                found.append(node)
            stack.extend(reversed(list(node.values())))
        elif isinstance(node, list):
            stack.extend(reversed(node[:1000]))
    return found


def _values(value: Any) -> str:
    if isinstance(value, dict) and "bdata" in value:
        value = _array(value)
    if not isinstance(value, list):
        return _short(str(value))
    shown = ", ".join(_short(str(v), 40) for v in value[:MOST_VALUES])
    return f"[{shown}]" if len(value) <= MOST_VALUES else f"[{shown}, … {len(value)} values]"


def _array(value: Data) -> Any:
    """Return the numbers that plotly 6 sends as base64 of a typed array, or a text with the array's type."""
    code = _TYPED.get(str(value.get("dtype")))
    unknown = f"{value.get('dtype', '')} array".strip()
    if code is None:
        return unknown
    try:
        return list(array(code, base64.b64decode(str(value["bdata"]))))
    except (ValueError, binascii.Error):
        return unknown


def _title(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("text")
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return _short(value) if isinstance(value, str) else ""


def _short(text: str, most: int = 120) -> str:
    return one_line(text, most)


def _list(value: Any) -> list[Any]:
    if isinstance(value, dict) and "bdata" in value:
        value = _array(value)
    return value if isinstance(value, list) else []


def _object(value: Any) -> Data:
    return value if isinstance(value, dict) else {}


def _loaded(value: Any) -> Any:
    if isinstance(value, list):
        value = "".join(map(str, value))
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
