"""The magics `%lobu` and `%%lobu`, which ask the agent of this notebook.

`%load_ext` imports this module only. A command's modules are imported when it is first used.
"""

# pyright: reportUntypedFunctionDecorator=false
# (IPython's decorators are untyped)

from __future__ import annotations

import difflib
import re
import shlex
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping

COMMANDS = {
    "ask": "PROMPT  a prompt, also one that begins with one of these words",
    "wait": "until this notebook's run ends or asks",
    "cancel": "this notebook's run",
    "runs": "the runs of this notebook's thread",
    "threads": "[SEARCH]  all my threads",
    "attach": "THREAD  show a thread (id, name or title) here, live",
    "inbox": "what needs my approval, in all chats",
    "approve": "[N | all] [--grant call]  let the agent's call run; with a grant also the same call later",
    "reject": "[N | all] [REASON]  refuse it",
    "answer": "[N] TEXT  answer the agent's question",
    "rebuild": "after a kernel restart: run the agent's code of this thread again, once approved",
    "undo": "[RUN | UNDO] [CODE]  take back what the last run changed in cells and files: a preview, then with its code",
    "agents": "who can be asked",
    "policy": "[allow | ask | deny PATTERN | mode MODE | revoke GRANT]  what may run unasked in this notebook",
    "grants": "[revoke GRANT]  what I approved for good: what it covers, until when",
    "export": "FILE.ipynb  the code that ran, as decided, as a notebook",
    "record": "FILE.recording.json  what models were asked and answered here, for lobu test",
    "doctor": "what works, what does not, and why",
    "help": "this",
}
_FLAGS = ("--new", "--wait", "--json")
_VALUED = ("--model", "--agent", "--thread", "--timeout", "--mode")
OPTIONS = (*_FLAGS, *_VALUED)
_WORD = re.compile(r'\s*((?:"[^"]*"|\'[^\']*\'|[^\s"\'])+|\S)')

_NAME = re.compile(r"(?<!\S)\{([^\W\d]\w*)\}(?=[\s.,;:!?]|\Z)")
"""A name in braces that stands on its own, as in ``plot {column} by month``."""


@magics_class
class LobuMagics(Magics):
    """The magics of lobu_jupyter."""

    @magic_arguments()
    @argument("--model", help="The model, such as openai:gpt-5; the server's default if not given.")
    @argument("--agent", help="The agent, such as demo or script; %%lobu agents lists them.")
    @argument(
        "--thread", metavar="NAME", help="The thread NAME of this notebook; it is made if there is none."
    )
    @argument("--new", action="store_true", help="Begin a new thread.")
    @argument(
        "--wait",
        action="store_true",
        help="Return when the run has ended, and fail the cell if it fails. Where no front end "
        "is attached, what would be asked is refused.",
    )
    @argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="Wait so long, then cancel the run and fail the cell.",
    )
    @argument(
        "--mode",
        choices=["ask", "allow", "deny", "plan"],
        help="For tools that no policy rule names; plan: only reads until you approve a plan.",
    )
    @argument("--json", action="store_true", help="Print the run as JSON instead of showing it.")
    @argument(
        "prompt",
        nargs="*",
        help="What to do. {name} on its own becomes the value of that variable; all else stays as typed. Options may stand before or after it; what "
        "follows -- is prompt whatever it looks like. A first word such as wait, cancel, runs, threads, "
        "attach, inbox, approve, reject, answer, rebuild, undo, agents, policy, export, record, doctor or help is a command: "
        "%%lobu help.",
    )
    @no_var_expand
    @line_cell_magic
    def lobu(self, line: str, cell: str | None = None) -> Any:
        """Ask the agent of this notebook, or decide what it asks.

        `%lobu plot sales by month` returns at once; the output goes on by itself. `%%lobu` takes the
        rest of the cell as prompt. The value is the run: `run = %lobu …`, `run.wait()`, `run.approve()`.
        """
        parser: ArgumentParser = LobuMagics.lobu.parser  # pyright: ignore[reportFunctionMemberAccess]
        options, prompt = split(line)
        args = parser.parse_args([self._filled(option) for option in options])
        if cell is None:
            command, rest = _command(prompt)
            if command != "ask":
                if options:
                    raise UsageError(f"{options[0]} goes with a prompt, not with %lobu {command}.")
                from . import commands

                return commands.COMMANDS[command](self._filled(rest))
            prompt = rest
        else:
            prompt = f"{prompt}\n{cell}".strip()
        from . import commands

        return commands.ask(self._filled(prompt), args)

    def _filled(self, prompt: str) -> str:
        shell: Any = self.shell
        return filled(prompt, shell.user_ns, shell.user_ns_hidden)


def filled(prompt: str, names: Mapping[str, Any], hidden: Mapping[str, Any]) -> str:
    """Return the prompt with the value of each ``{name}`` that stands on its own and is a variable of the person.

    Nothing is evaluated. A prompt with any other brace is code, LaTeX or JSON, and stays as it was typed.
    """
    found = list(_NAME.finditer(prompt))
    if len(found) != prompt.count("{") or len(found) != prompt.count("}"):
        return prompt
    return _NAME.sub(lambda match: _value(match[1], names, hidden, match[0]), prompt)


def _value(name: str, names: Mapping[str, Any], hidden: Mapping[str, Any], typed: str) -> str:
    missing = object()
    value = names.get(name, missing)
    if value is missing or name.startswith("_") or hidden.get(name, missing) is value:
        return typed
    try:
        return str(value)
    except (Exception, SystemExit):  # noqa: BLE001 - a class of the person may raise anything in __str__
        return typed


def split(line: str) -> tuple[list[str], str]:
    """Return the options before and after a prompt, and the prompt as it was written.

    Raises:
        UsageError: an option is unknown. The message names the nearest.
    """
    options, rest = _leading(line)
    if rest.lstrip().startswith("-- ") or rest.strip() == "--":
        return options, rest.lstrip()[2:].strip()
    trailing, prompt = _trailing(rest)
    return options + trailing, prompt.strip()


def _leading(line: str) -> tuple[list[str], str]:
    options: list[str] = []
    while (match := _WORD.match(line)) and match[1].startswith("--") and match[1] != "--":
        name, equals, value = match[1].partition("=")
        line = line[match.end() :]
        _known(name)
        options.append(name)
        if name in _VALUED:
            if not equals:
                found = _WORD.match(line)
                if found is None:
                    raise UsageError(f"{name} needs a value.")
                value, line = found[1], line[found.end() :]
            options.append("".join(shlex.split(value)))
    return options, line


def _trailing(rest: str) -> tuple[list[str], str]:
    options: list[str] = []
    flags, valued = "|".join(_FLAGS), "|".join(_VALUED)
    last = re.compile(rf"(?:^|\s)(?:({flags})|({valued})(?:\s+|=)(\"[^\"]*\"|'[^']*'|[^\s-]\S*))\s*$")
    while match := last.search(rest):
        options = ([match[1]] if match[1] else [match[2], match[3].strip("\"'")]) + options
        rest = rest[: match.start()]
    words = rest.split()
    for word in words[-2:]:
        if word.startswith("--") and difflib.get_close_matches(word, OPTIONS, cutoff=0.75):
            _known(word)
    return options, rest


def _known(name: str) -> None:
    if name in OPTIONS:
        return
    near = difflib.get_close_matches(name, OPTIONS, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(OPTIONS)}."
    raise UsageError(
        f"There is no option {name}.{hint} Text that begins so goes after --, as in %lobu -- {name} …"
    )


def _command(prompt: str) -> tuple[str, str]:
    """Return the command of a line and the rest: ``ask`` for any other text, ``help`` for none."""
    if not prompt:
        return "help", ""
    word, _, rest = prompt.partition(" ")
    return (word, rest.strip()) if word in COMMANDS else ("ask", prompt)
