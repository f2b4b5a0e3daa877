"""The output of commands: tables for people, JSON for programs."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lobu_jupyter.model.card import card_lines
from lobu_jupyter.model.text import clip
from lobu_jupyter.model.visible import visible, visible_json, visible_line

from .table import ListColumn, drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def put_json(value: Any) -> None:
    """Print a value of ours as JSON. Its hidden characters are JSON's own escapes."""
    click.echo(visible_json(msgspec.to_builtins(value), indent=1))


def put_line(text: str, *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print text that may be of a server, an agent or a file: it does not move the person's cursor."""
    click.secho(plain(text), err=err, nl=nl, **style)


def put_table(columns: Sequence[ListColumn], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows, or `empty` if there are none.

    A terminal gets a heading and rows cut to its width. A pipe or a file gets whole values, with tabs
    between them and no heading.
    """
    if not rows:
        click.echo(empty, err=not at_terminal())
    elif at_terminal():
        for line in drawn(columns, rows, shutil.get_terminal_size().columns):
            click.echo(line)
    else:
        for row in rows:
            click.echo("\t".join(visible_line(cell) for cell in row))


def at_terminal() -> bool:
    """Return whether standard output is a person's terminal."""
    return sys.stdout.isatty()


def short(text: str, most: int = 60) -> str:
    """Return the first line of `text`, cut, with a terminal's control characters made visible."""
    return clip(plain(text.strip().partition("\n")[0]), most)


def plain(text: str) -> str:
    """Make control characters visible, so that an agent's text does not move the person's cursor."""
    return visible(text)


def put_card(interrupt: dict[str, Any], *, err: bool = True) -> None:
    """Print a question whole, on standard error unless `err` is false."""
    ours: dict[str, Any] = (interrupt.get("metadata") or {}).get("lobu") or {}
    tool = visible_line(str(ours.get("toolName") or "A tool"))
    message = plain(str(interrupt.get("message") or "Allow it?"))
    put_line(f"{tool}: {message}", err=err, bold=True)
    for line in card_lines(interrupt):
        put_line(f"  {line}", err=err)


def put(value: Any, is_json: bool, table: Callable[[], None]) -> None:
    """Print `value` as JSON, or by `table`."""
    if is_json:
        put_json(value)
    else:
        table()
