"""The calls that a grant covers: this exact call, simple code, or every call of its tool.

An allow-list over the syntax tree decides which code is simple. Everything else is outside it: imports,
files, functions and classes, deletions, attributes and methods that are not listed, IPython's own syntax, and
code that does not parse. A grant of simple code therefore never covers code whose effect a syntax tree cannot
show.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import keyword
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_TEXT = re.compile(r"[ -~\n\t]*")  # a line ends at more characters for IPython than for Python
_IPYTHON = re.compile(r"^\s*(%|!|\?|/|,|;|\.\.\.|>>>|In \[)|\?\s*$", re.MULTILINE)
_FIRST_WORD = re.compile(r"\s*([A-Za-z_]\w*)\s*(.?)", re.DOTALL)
_PYTHON_NEXT = frozenset("=,.")
"""The characters after a line's first word that make it Python to IPython. Else `rm * x` is a magic."""
_PLAIN_RESULTS = frozenset(["bool", "float", "int", "len", "repr", "str"])
_PLAIN_METHODS = frozenset(["isin", "isna", "notna"])
_KEPT_NAMES = frozenset([*dir(builtins), "display", "get_ipython", "lobu"])
"""The names that simple code may not replace, because other code calls them."""

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

    ``binds``: what an approval of the call covers beside them, as its question says. Code that binds something, as its
    language if that is not Python, is never simple.
    """
    if grant.covers == "all":
        return True
    if args is None:
        return False
    if grant.covers == "call":
        return grant.digest == call_digest(tool, args, binds)
    return not binds and tool in CODE_TOOLS and args.keys() == {"code"} and is_simple(args["code"])


def call_digest(tool: str, args: dict[str, Any], binds: dict[str, Any] | None = None) -> str:
    """Return the SHA-256 of a call: its tool, its arguments, and what else an approval of it covers."""
    call = [tool, args, binds] if binds else [tool, args]
    text = json.dumps(call, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_simple(code: Any) -> bool:
    """Return whether code only computes with values at hand and prints. If in doubt, return False."""
    if (
        not isinstance(code, str)
        or len(code) > _MAX_CODE
        or not _TEXT.fullmatch(code)
        or _IPYTHON.search(code)
    ):
        return False
    try:
        tree = ast.parse(code)
        return (
            bool(tree.body)
            and _is_python(code)
            and all(_is_allowed(node) for node in ast.walk(tree))
            and _Keys(tree).are_data()
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_python(code: str) -> bool:
    """Return whether IPython reads a single line as Python.

    To IPython `rm - x`, `rm * x` and `rm += x` are shell commands, and `exit` ends the kernel.
    """
    found = _FIRST_WORD.match(code)
    if found is None or "\n" in code.strip():
        return True
    word, after = found.groups()
    return keyword.iskeyword(word) or after in _PYTHON_NEXT or (word in _BUILTINS and after == "(")


def _is_allowed(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            return not name.startswith("_") and name not in _KEPT_NAMES
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
    if any(named.arg not in _KEYWORDS for named in call.keywords):
        return False
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return False
    match call.func:
        case ast.Name(id=name):
            return name in _BUILTINS
        case ast.Attribute(attr=attr):
            texts = attr in _TEXT_METHODS
            given = [*call.args, *(named.value for named in call.keywords)]
            return attr in _METHODS and all(_is_data(argument, texts) for argument in given)
        case _:
            return False


def _is_data(argument: ast.expr, texts: bool) -> bool:
    """Return whether an argument holds constants only: a method may call its argument, as a grouper."""
    if isinstance(argument, ast.List | ast.Tuple):
        return all(_is_data(one, texts) for one in argument.elts)
    return isinstance(argument, ast.Constant) and (texts or isinstance(argument.value, int | float | None))


class _Keys:
    """The keys of subscripts in a module: each must be data, because `df.loc[f]` calls `f`.

    A name is data only where this code itself has just made it so: by counting over a range, or by one
    assignment at the top level. So no key is a function that was at hand before.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        names = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
        stores = Counter(name.id for name in names if isinstance(name.ctx, ast.Store))
        self._once = frozenset(name for name, count in stores.items() if count == 1)

    def are_data(self) -> bool:
        """Return whether all of them are."""
        known: frozenset[str] = frozenset()
        for statement in self._tree.body:
            if not self._checked(statement, known):
                return False
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self._once:
                    known |= {name} if _is_key(value, known) else frozenset()
                case _:
                    pass
        return True

    def _checked(self, node: ast.AST, known: frozenset[str]) -> bool:
        if isinstance(node, ast.Subscript) and not _is_key(node.slice, known):
            return False
        counted, outside = known, list[ast.AST]()  # the parts that run before or after the counting
        if isinstance(node, ast.For):
            counted, outside = known | self._counted([node]), [node.iter, *node.orelse]
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            loops = node.generators
            if not all(self._checked(loop.iter, known) for loop in loops):
                return False
            counted = known | self._counted(loops)
        return all(
            self._checked(child, known if child in outside else counted)
            for child in ast.iter_child_nodes(node)
        )

    def _counted(self, loops: Sequence[ast.For | ast.comprehension]) -> frozenset[str]:
        """Return the names that count over a range in these loops, and are nothing else anywhere."""
        found = [
            loop.target.id
            for loop in loops
            if isinstance(loop.target, ast.Name)
            and isinstance(loop.iter, ast.Call)
            and isinstance(loop.iter.func, ast.Name)
            and loop.iter.func.id == "range"
        ]
        return self._once.intersection(found)


def _is_key(node: ast.expr, known: frozenset[str]) -> bool:
    """Return whether a key can only be data: a number, a text, a mask, or several of them."""
    match node:
        case ast.Constant() | ast.Compare() | ast.JoinedStr() | ast.UnaryOp():
            return True
        case ast.Name(id=name):
            return name in known
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.BoolOp(values=parts):
            return all(_is_key(part, known) for part in parts)
        case ast.BinOp(left=left, right=right):
            return _is_key(left, known) and _is_key(right, known)
        case ast.Slice(lower=lower, upper=upper, step=step):
            return all(part is None or _is_key(part, known) for part in (lower, upper, step))
        case ast.Call(func=ast.Name(id=name)):
            return name in _PLAIN_RESULTS
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr in _PLAIN_METHODS
        case ast.Attribute(attr=attr):
            return attr == "columns"
        case _:
            return False
