"""The fingerprint of a function's code, which identifies a registered tool when it is called."""

from __future__ import annotations

import functools
import hashlib
import types
from typing import Any

_PLAIN = (str, bytes, int, float, bool, type(None))


def fingerprint_of(function: Any) -> str:
    """Return the fingerprint: code, name, defaults, and the functions that a wrapper holds.

    It leaves out values that the function reads elsewhere (globals, modules, mutable values).
    """
    return hashlib.sha256(repr(_parts(function, set())).encode("utf-8", "backslashreplace")).hexdigest()


def _parts(function: Any, seen: set[int]) -> tuple[Any, ...]:
    if id(function) in seen:
        return ()
    seen.add(id(function))
    if isinstance(function, types.FunctionType):
        defaults = [_value(d) for d in function.__defaults__ or ()]
        named = sorted((name, _value(d)) for name, d in (function.__kwdefaults__ or {}).items())
        cells = [_held(cell, seen) for cell in function.__closure__ or ()]
        return (function.__qualname__, _code(function.__code__), defaults, named, cells)
    if isinstance(function, functools.partial):
        given = [_value(v) for v in function.args]
        named = sorted((name, _value(v)) for name, v in function.keywords.items())
        return ("partial", _parts(function.func, seen), given, named)
    if isinstance(function, types.MethodType):
        return ("method", id(function.__self__), _parts(function.__func__, seen))
    called = getattr(type(function), "__call__", None)  # noqa: B004  the class's, as a call takes it
    held = _parts(called, seen) if isinstance(called, types.FunctionType) else ()
    return (type(function).__qualname__, id(function), held)


def _held(cell: types.CellType, seen: set[int]) -> tuple[Any, ...]:
    try:
        held = cell.cell_contents
    except ValueError:  # not filled yet
        return ()
    return _parts(held, seen) if isinstance(held, types.FunctionType | types.MethodType) else ()


def _code(code: types.CodeType) -> tuple[Any, ...]:
    constants = [_code(c) if isinstance(c, types.CodeType) else _value(c) for c in code.co_consts]
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames)
    return (code.co_code, code.co_names, code.co_freevars, arguments, constants)


def _value(value: Any) -> str:
    """Return a plain value's contents, any other's identity, because its contents may change."""
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, tuple):
        items: tuple[Any, ...] = value
        return f"({', '.join(map(_value, items))})"
    if isinstance(value, frozenset):
        members: frozenset[Any] = value
        return f"{{{', '.join(sorted(map(_value, members)))}}}"
    return f"{type(value).__name__} {id(value)}"
