"""Charts as text for a model: the title, the axes and the series of a plotly, vega or bokeh figure.

The shapes are those of plotly.js figures, of Vega and Vega-Lite specifications, and of bokeh's ``docs_json``.
A part that is missing or of another shape is left out. An unreadable chart is described by its kind alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from array import array
from typing import Any

Data = dict[str, Any]

MOST_SERIES, MOST_VALUES = 12, 8
PLOTLY = "application/vnd.plotly.v1+json"
_AXIS = re.compile(r"[xyz]axis\d*")
_SERIES = ("x", "y", "z", "labels", "values", "lat", "lon")
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
        parts += [f"{key}: {_values(trace[key])}" for key in _SERIES if key in trace]
        lines.append("- " + ", ".join(parts))
    return lines


def _vega(spec: Any) -> list[str]:
    spec = _object(spec)
    lines = [f"[vega chart] {_title(spec.get('title'))}".rstrip()]
    for view in _views(spec):
        mark = view.get("mark")
        kind = mark.get("type") if isinstance(mark, dict) else mark
        if isinstance(kind, str):
            lines.append(f"- {kind}")
        for channel, definition in _object(view.get("encoding")).items():
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
    for model in _models(_loaded(match[2])):
        kind, said = str(model.get("name") or model.get("type")), _object(model.get("attributes"))
        if kind == "Title" and isinstance(said.get("text"), str):
            lines[0] = f"[bokeh chart] {_short(said['text'])}"
        elif kind.endswith("Axis") and isinstance(said.get("axis_label"), str):
            lines.append(f"{kind}: {_short(said['axis_label'])}")
        elif kind == "GlyphRenderer":
            lines.append(f"- {_object(said.get('glyph')).get('name', 'glyph')}")
        elif kind == "ColumnDataSource":
            columns = _bokeh_columns(said.get("data"))
            lines.append(f"columns: {', '.join(columns[:MOST_SERIES])}" if columns else "columns: none")
    return lines[: 4 * MOST_SERIES]


def _bokeh_columns(data: Any) -> list[str]:
    if isinstance(data, dict) and data.get("type") == "map":
        return [str(entry[0]) for entry in data.get("entries") or [] if isinstance(entry, list) and entry]
    return [str(name) for name in data] if isinstance(data, dict) else []


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
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


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
