"""The house rules that a script can check: a class name is used once, a module and a function stay short."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import lobu_jupyter

PACKAGE = Path(lobu_jupyter.__file__).parent
FRONT_END = Path(__file__).parents[1] / "labextension" / "src"
MODULE_LINES = 400
FUNCTION_LINES = 50
TOO_LONG: frozenset[str] = frozenset()
"""Modules that are still over the bound. The list only shrinks."""


def modules() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), path.read_text()


def test_a_class_name_is_used_once() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for name, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(name)

    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_a_module_has_at_most_400_lines() -> None:
    assert {name for name, text in modules() if len(text.splitlines()) > MODULE_LINES} == TOO_LONG


def test_a_module_of_the_front_end_has_at_most_400_lines() -> None:
    sizes = {path.name: len(path.read_text().splitlines()) for path in FRONT_END.rglob("*.ts*")}

    assert "fold.ts" in sizes
    assert {name for name, lines in sizes.items() if lines > MODULE_LINES} == set()


def test_a_function_has_at_most_50_lines() -> None:
    found = {
        f"{name} {node.name}"
        for name, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES
    }

    assert found == set()
