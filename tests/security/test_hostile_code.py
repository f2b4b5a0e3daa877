"""Code of any kind has its risks found, or is said to be unseen: at once, and without an error."""

from __future__ import annotations

import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobu_jupyter.agents.tools import risks
from lobu_jupyter.agents.tools.risks import MAX_CHARS, ORDER, risks_of

SECONDS = 5.0  # of this process's own time; a pattern that backtracks takes several times as much
PIECES = [
    *(
        " ",
        "\t",
        "\n",
        "\r",
        "\x0c",
        "\x00",
        "\\",
        "\u2028",
        "\ud800",
        "\u202e",
        "\U000e0041",
        "'",
        '"',
        '"""',
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "/",
        "=",
        ":",
        ",",
        ".",
        "-",
        "+",
        "**",
        "~",
        "@",
        "!",
        "%",
        "%%",
    ),
    *(
        "a",
        "1",
        "_",
        "not ",
        "if 1:\n ",
        "lambda:",
        "f'{",
        "await ",
        "yield ",
        "def f():\n ",
        "class A:\n ",
        "?",
    ),
    *(
        "rm ",
        "pip ",
        "install ",
        "git ",
        "clone",
        "curl",
        "!ls",
        "%%bash",
        "%rm",
        "import os\n",
        "os.system('",
    ),
    *("<script", "<meta ", "<a ", "on", "onload", "onerror=", "srcdoc", "java", "script:", "data:", "&lt;"),
]
UNITS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
SIZES = st.sampled_from([100, 3_000, 50_000])


def repeated(before: str, unit: str, after: str, size: int) -> str:
    return (before + unit * (size // len(unit)) + after)[:MAX_CHARS]


def found_in_time(code: str) -> list[str]:
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser's own, about the code
        found = risks_of(code)
    took = time.process_time() - began
    assert took < SECONDS, (took, code[:100])
    return list(found)


@settings(max_examples=120, deadline=None)
@given(st.builds(repeated, UNITS, UNITS, UNITS, SIZES) | st.text(max_size=200))
def test_any_code_has_an_answer_in_bounded_time(code: str) -> None:
    assert set(found_in_time(code)) <= set(ORDER)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e a", max_size=20))
def test_no_text_in_code_hides_what_stands_beside_it(text: str) -> None:
    assert "deletes" in found_in_time(f"s = '{text}'; import shutil\nshutil.rmtree('x')")
    assert "deletes" in found_in_time(f"import shutil\nshutil.rmtree('x')\ns = '''{text}'''")


@pytest.mark.parametrize("unit", [" ", "\n", "<", "!pip ", "<meta ", "<x on", "a<", "&lt;", "a,", "not "])
def test_no_repetition_holds_up_the_one_who_looks(unit: str) -> None:
    found_in_time(("!" if unit == "!pip " else "") + unit * (48_000 // len(unit)))


@pytest.mark.parametrize(
    "code", ["-" * 60_000 + "1", "2**" * 5_000 + "2", "a" + ".b" * 30_000 + "()", "x" * (MAX_CHARS + 1)]
)
def test_code_that_is_too_deep_or_too_long_is_said_to_be_unseen(code: str) -> None:
    assert found_in_time(code) == ["unseen"]


@pytest.mark.parametrize("error", [RecursionError, MemoryError, SystemError, AssertionError])
def test_an_error_of_the_parser_is_no_error_of_the_question(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(_: str) -> None:
        raise error

    monkeypatch.setattr(risks.ast, "parse", fails)

    assert risks_of("!rm -rf x") == ["deletes", "shell", "unseen"]
