"""Read-only looks at the person's variables, in their kernel: bounded, and never a repr of something huge.

Only loaded modules are used: a DataFrame is known by its class's module, so nothing is imported. :mod:`frames` has the
tables and arrays of libraries other than pandas and numpy.
"""

from __future__ import annotations

import asyncio
import html
import itertools
import sys
import types
from typing import TYPE_CHECKING, Any

from . import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["describe_variable", "list_variables", "read_document"]

MAX_VARIABLES = 200
MAX_TEXT = 2000  # characters of a head or a repr
MAX_COLUMNS = 100
HEAD_ROWS = 5
HEAD_ITEMS = 10
READ_SECONDS = 20
MAX_DOCUMENT = 1_000_000
_PLAIN = (bool, int, float, complex, type(None))


def list_variables(names: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """List the person's variables: ``{"name", "type", "shape"?, "size"?, "value"?}``, at most 200 by name."""
    space = _user_names() if names is None else dict(names)
    shown = sorted(name for name, value in space.items() if not _is_imported(value))
    listed = [{"name": name, **_brief(space[name])} for name in shown[:MAX_VARIABLES]]
    if len(shown) > MAX_VARIABLES:
        listed.append({"name": "…", "type": f"{len(shown) - MAX_VARIABLES} more"})
    return listed


def describe_variable(name: str, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Describe one variable: type, shape, dtypes, head, keys, signature, whichever it has.

    Raises:
        NameError: there is no such variable.
    """
    space = _user_names() if names is None else names
    if name not in space:
        raise NameError(f"there is no variable {name!r}")
    value = space[name]
    for fits, describe in _DESCRIBERS:
        if fits(value):
            return {"name": name, **_brief(value), **describe(value)}
    table = frames.describe(value)
    if table is not None:
        return {"name": name, **_brief(value), **table}
    if callable(value):
        return {"name": name, **_brief(value), **_function(value)}
    return {
        "name": name,
        **_brief(value),
        "text": _cut(object.__repr__(value)),
        "attributes": _attributes(value),
    }


def read_document(program: str, kind: str, data: str) -> dict[str, str]:
    """Read a document with this environment's libraries, in a process of its own: ``{"text"}`` or ``{"missing"}``.

    Args:
        program: the source of agents/tools/extract.py.
        data: the file's bytes in base64.
    """
    import json
    import subprocess

    asked = json.dumps({"kind": kind, "data": data}).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", program],
            input=asked,
            capture_output=True,
            timeout=READ_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return {name: text[:MAX_DOCUMENT] for name, text in json.loads(done.stdout).items()}


def error_of(error: BaseException, lines: list[str]) -> dict[str, Any]:
    """Return an error as nbformat has it."""
    kind = KeyboardInterrupt if isinstance(error, asyncio.CancelledError) else type(error)
    return {
        "ename": kind.__name__,
        "evalue": said_of(error),
        "traceback": [str(line) for line in lines],
    }


def said_of(error: BaseException) -> str:
    """Return the message of an error, of a group with those in it. Its class is the person's and may raise anything."""
    try:
        said = str(error)
    except BaseException as another:  # noqa: BLE001
        return f"(its message cannot be shown: {type(another).__name__})"
    inner: Any = getattr(error, "exceptions", None)
    if not isinstance(inner, tuple):
        return said
    return "; ".join([said, *(f"{type(one).__name__}: {said_of(one)}" for one in inner[:10])])


def widget_text(widget: Any) -> str:
    """Return the plain form of a widget."""
    try:
        return repr(widget)
    except ReferenceError:  # tqdm's: the bar itself is gone, and its parts say how it ended
        return " ".join(_part_text(part) for part in widget.children)


def _part_text(part: Any) -> str:
    value, most = getattr(part, "value", ""), getattr(part, "max", None)
    if isinstance(value, str):
        return html.unescape(value).replace("\u2007", " ").strip()
    return "█" * round(10 * value / most) if most else ""


def _user_names() -> dict[str, Any]:
    """Return the names that the person defined: none of IPython's, no private one."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return {}
    space, hidden = dict(shell.user_ns), shell.user_ns_hidden
    return {
        name: value
        for name, value in space.items()
        if not name.startswith("_") and not (name in hidden and hidden[name] is value)
    }


def _is_imported(value: Any) -> bool:
    """Return whether a value is a module, or a function or class of one, and so not the person's data."""
    if isinstance(value, types.ModuleType):
        return True
    kinds = (types.FunctionType, types.BuiltinFunctionType, type)
    return isinstance(value, kinds) and value.__module__ != "__main__"


def _brief(value: Any) -> dict[str, Any]:
    """Return what a list says of a value. Whatever its class raises, it is listed by its type."""
    brief: dict[str, Any] = {"type": _type_name(value)}
    try:
        return _measured(value, brief)
    except Exception:  # noqa: BLE001  a class of the person may raise anything
        return brief


def _measured(value: Any, brief: dict[str, Any]) -> dict[str, Any]:
    shape = frames.shape_of(value)
    if shape is not None:
        brief["shape"] = shape
    elif isinstance(value, (str, bytes, bytearray, list, tuple, set, frozenset, dict)):
        brief["size"] = len(value)
    if (isinstance(value, _PLAIN) and not _is_huge_int(value)) or (
        isinstance(value, str) and len(value) <= 80
    ):
        brief["value"] = repr(value)
    return brief


def _type_name(value: Any) -> str:
    cls = type(value)
    module = str(cls.__module__).partition(".")[0]
    return cls.__qualname__ if module in ("builtins", "__main__") else f"{module}.{cls.__qualname__}"


def _is_huge_int(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() > 256


def _is_a(module: str, name: str) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        loaded = sys.modules.get(module)
        cls = getattr(loaded, name, None)
        return isinstance(cls, type) and isinstance(value, cls)

    return fits


def _frame(frame: Any) -> dict[str, Any]:
    columns = [
        {"name": str(column), "dtype": str(dtype), **_label(column)} for column, dtype in _dtypes(frame)
    ]
    head = frame.iloc[:HEAD_ROWS, :MAX_COLUMNS]
    missing = frame.iloc[:100_000, :MAX_COLUMNS].isna().sum()
    described: dict[str, Any] = {
        "columns": columns,
        "head": _cut(head.to_string(max_colwidth=60)),
        "missing": {str(column): int(n) for column, n in missing.items() if n},
        "index": _cut(f"{type(frame.index).__name__} of {frame.index.dtype}"),
    }
    if frame.shape[1] > MAX_COLUMNS:
        described["moreColumns"] = int(frame.shape[1]) - MAX_COLUMNS
    if frames.library_of(frame) == "geopandas":
        described["crs"] = _cut(str(getattr(frame, "crs", None)))
    return described


def _dtypes(frame: Any) -> Iterable[tuple[Any, Any]]:
    return itertools.islice(zip(frame.columns, frame.dtypes, strict=True), MAX_COLUMNS)


def _label(column: Any) -> dict[str, str]:
    """Return the code of a label that is no text: a number's repr, or "" if it has no useful literal."""
    if isinstance(column, str):
        return {}
    return {"label": repr(column) if isinstance(column, (int, float)) else ""}


def _series(series: Any) -> dict[str, Any]:
    return {"dtype": str(series.dtype), "head": _cut(series.iloc[:HEAD_ROWS].to_string())}


def _array(array: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"dtype": str(array.dtype)}
    if array.dtype != object:  # the objects' own repr could be anything
        described["head"] = _cut(repr(array.ravel()[:HEAD_ITEMS].tolist()))
    if array.dtype.kind in "iuf" and 0 < array.size <= 1_000_000:
        described.update(min=float(array.min()), max=float(array.max()), mean=float(array.mean()))
    return described


def _text(text: str) -> dict[str, Any]:
    return {"text": _cut(text)}


def _mapping(mapping: dict[Any, Any]) -> dict[str, Any]:
    keys = list(itertools.islice(mapping, HEAD_ITEMS))
    return {"head": {_short(key): _short(mapping[key]) for key in keys}}


def _items(items: Iterable[Any]) -> dict[str, Any]:
    return {"head": [_short(item) for item in itertools.islice(items, HEAD_ITEMS)]}


def _function(function: Any) -> dict[str, Any]:
    import inspect

    try:
        signature = str(inspect.signature(function))
    except (TypeError, ValueError):
        signature = "(…)"
    doc = inspect.getdoc(function) or ""
    return {"signature": _cut(f"{getattr(function, '__name__', '?')}{signature}"), "doc": _cut(doc)}


def _attributes(value: Any) -> list[str]:
    fields = getattr(value, "__dict__", None)
    return [str(name) for name in itertools.islice(fields, 50)] if isinstance(fields, dict) else []


def _short(value: Any, depth: int = 1) -> str:
    """Return a repr that cannot be huge: plain values and short texts as they are, all else by its type."""
    if isinstance(value, _PLAIN) and not _is_huge_int(value):
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 80 else value[:79] + "…")
    if depth and isinstance(value, (list, tuple, dict, set)):
        inner = ", ".join(_short(item, depth - 1) for item in itertools.islice(value, 5))
        return (
            f"{type(value).__name__}({len(value)}): {inner}" if len(value) else f"{type(value).__name__}(0)"
        )
    shape = frames.shape_of(value)
    return _type_name(value) + ("" if shape is None else f" {tuple(shape)}")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + f"… ({len(text)} characters)"


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_DESCRIBERS: list[tuple[Callable[[Any], bool], Callable[[Any], dict[str, Any]]]] = [
    (_is_a("pandas", "DataFrame"), _frame),
    (_is_a("pandas", "Series"), _series),
    (_is_a("numpy", "ndarray"), _array),
    (_is(str), _text),
    (_is(*_PLAIN), lambda value: {}),
    (_is(dict), _mapping),
    (_is(list, tuple, set, frozenset), _items),
]
