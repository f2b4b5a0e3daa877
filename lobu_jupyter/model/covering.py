"""The calls that a grant covers: this exact call, simple code, or every call of its tool.

An allow-list over the syntax tree decides which code is simple. Everything else is outside it: imports,
files, functions and classes, deletions, attributes and methods that are not listed, IPython's own syntax, and
code that does not parse. A grant of simple code therefore never covers code whose effect a syntax tree cannot
show.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .policy import Grant

Covers = Literal["call", "simple", "all"]
Scope = Literal["thread", "notebook"]

GrantName = Literal["call", "thread", "notebook", "thread_all", "notebook_all"]

GRANTS: dict[GrantName, tuple[Scope, Covers]] = {
    "call": ("thread", "call"),
    "thread": ("thread", "simple"),
    "notebook": ("notebook", "simple"),
    "thread_all": ("thread", "all"),
    "notebook_all": ("notebook", "all"),
}
"""The scope and the coverage of each ``grant`` that an approval may name."""

CODE_TOOLS = frozenset({"run_code"})
"""The tools whose arguments are all of the code that runs."""

_MAX_CODE = 10_000
_BUILTINS = frozenset(
    [
        "abs",
        "all",
        "any",
        "bool",
        "complex",
        "dict",
        "divmod",
        "enumerate",
        "float",
        "frozenset",
        "int",
        "isinstance",
        "len",
        "list",
        "max",
        "min",
        "print",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "zip",
    ]
)
_METHODS = frozenset(
    [
        "corr",
        "cumsum",
        "describe",
        "diff",
        "dropna",
        "groupby",
        "head",
        "isna",
        "items",
        "keys",
        "max",
        "mean",
        "median",
        "min",
        "notna",
        "nunique",
        "quantile",
        "round",
        "std",
        "sum",
        "tail",
        "to_list",
        "tolist",
        "unique",
        "value_counts",
        "var",
        "sort_values",
        "isin",
    ]
)
_TEXT_METHODS = frozenset(["groupby", "sort_values", "isin"])
"""The methods that accept texts. No other does: with a text, `requests.head` would use the network."""
_ATTRIBUTES = frozenset(
    ["T", "columns", "dtype", "dtypes", "iloc", "index", "loc", "ndim", "shape", "size", "values"]
)
_KEYWORDS = frozenset(
    [
        "ascending",
        "axis",
        "decimals",
        "dropna",
        "end",
        "flush",
        "n",
        "ndigits",
        "normalize",
        "numeric_only",
        "q",
        "reverse",
        "sep",
        "start",
    ]
)
_NODES: tuple[type[ast.AST], ...] = (
    *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.For, ast.If, ast.Pass, ast.Break, ast.Continue),
    *(ast.Constant, ast.Name, ast.Load, ast.Store, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Slice),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.UnaryOp, ast.USub, ast.UAdd, ast.Not, ast.BoolOp, ast.And, ast.Or, ast.Compare),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.IfExp),
    *(ast.Subscript, ast.Attribute, ast.Call, ast.keyword, ast.JoinedStr, ast.FormattedValue),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
)
_IPYTHON = re.compile(r"^\s*(%|!|\?|/|,|;|\.\.\.|>>>|In \[)|\?\s*$", re.MULTILINE)
_PYTHON_NEXT = re.compile(r"\s*([!=()<>,+*/.]|$)")
"""The text after a line's first word that makes it Python to IPython, and no magic or alias."""


_WHERE: dict[str, str] = {"thread": "in this chat", "notebook": "in this notebook"}
_LITERAL = re.compile(r"\[([*?\[])\]")
"""How a grant's glob writes a character that globs give a meaning."""


def words_of(grant: Grant) -> str:
    """Return what runs without asking under a grant, in words: `simple code in this chat`."""
    tool = _LITERAL.sub(r"\1", grant.tool)
    what = {"call": f"this exact {tool} call", "simple": "simple code", "all": f"every {tool} call"}[
        grant.covers
    ]
    return f"{what} {_WHERE.get(grant.scope, grant.scope)}"


def covers(grant: Grant, tool: str, args: dict[str, Any] | None, binds: dict[str, Any] | None = None) -> bool:
    """Return whether a grant for `tool` covers a call with these arguments.

    ``binds``: what an approval of the call covers beside them, as its question says.
    """
    if grant.covers == "all":
        return True
    if args is None:
        return False
    if grant.covers == "call":
        return grant.digest == call_digest(tool, args, binds)
    return tool in CODE_TOOLS and args.keys() == {"code"} and is_simple(args["code"])


def call_digest(tool: str, args: dict[str, Any], binds: dict[str, Any] | None = None) -> str:
    """Return the SHA-256 of a call: its tool, its arguments, and what else an approval of it covers."""
    call = [tool, args, binds] if binds else [tool, args]
    text = json.dumps(call, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_simple(code: Any) -> bool:
    """Return whether code only computes with values at hand and prints. If in doubt, return False."""
    if not isinstance(code, str) or len(code) > _MAX_CODE or not code.isascii() or _IPYTHON.search(code):
        return False
    try:
        tree = ast.parse(code)
        return _is_python(code, tree) and all(_is_allowed(node) for node in ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_python(code: str, tree: ast.Module) -> bool:
    """Return whether IPython reads the first line as Python.

    To IPython `rm - x` is a shell alias, and `exit` ends the kernel.
    """
    word = re.match(r"\s*([A-Za-z_]\w*)", code)
    if word is None or not tree.body or not isinstance(tree.body[0], ast.Expr):
        return bool(tree.body)
    rest = code[word.end() :].split("\n")[0]
    return bool(rest.strip()) and _PYTHON_NEXT.match(rest) is not None


def _is_allowed(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            return not name.startswith("_") and name not in _BUILTINS
        case ast.Name(id=name):
            return not name.startswith("_") and name not in ("get_ipython", "exit", "quit")
        case ast.Attribute(attr=attr, ctx=ast.Load()):
            return attr in _ATTRIBUTES or attr in _METHODS
        case ast.Subscript(ctx=ast.Load()):
            return True
        case ast.Attribute() | ast.Subscript():
            return False
        case ast.Call():
            return _is_allowed_call(node)
        case ast.Assign(targets=targets):
            return all(_is_name(target) for target in targets)
        case ast.AugAssign(target=target) | ast.For(target=target) | ast.comprehension(target=target):
            return _is_name(target)
        case ast.BinOp(op=ast.Pow(), right=right):
            return isinstance(right, ast.Constant)
        case _:
            return isinstance(node, _NODES)


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple):
        return all(isinstance(one, ast.Name) for one in target.elts)
    return isinstance(target, ast.Name)


def _is_allowed_call(call: ast.Call) -> bool:
    """Return whether a call is of a listed function or method.

    A key, a star or a grouper is refused, because it could make the call run something else.
    """
    if any(keyword.arg not in _KEYWORDS for keyword in call.keywords):
        return False
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return False
    match call.func:
        case ast.Name(id=name):
            return name in _BUILTINS
        case ast.Attribute(attr=attr):
            texts = attr in _TEXT_METHODS
            return attr in _METHODS and all(_is_data(argument, texts) for argument in call.args)
        case _:
            return False


def _is_data(argument: ast.expr, texts: bool) -> bool:
    """Return whether an argument holds constants only: a method may call its argument, as a grouper."""
    if isinstance(argument, ast.List | ast.Tuple):
        return all(_is_data(one, texts) for one in argument.elts)
    return isinstance(argument, ast.Constant) and (texts or isinstance(argument.value, int | float))
