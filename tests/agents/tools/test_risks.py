"""What is said on a card about the code that it asks to run."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.agents.tools.risks import risks_of, risks_of_call


@pytest.mark.parametrize(
    ("code", "risks"),
    [
        ("df.dropna().plot()", []),
        ("import os\nos.remove('a')", ["deletes"]),
        ("from shutil import rmtree as gone\ngone('a')", ["deletes"]),
        ("from pathlib import Path\nPath('a').unlink()", ["deletes"]),
        ("import subprocess\nsubprocess.run(['rm', '-rf', 'a'])", ["deletes", "shell"]),
        ("import os as o\no.system('ls')", ["shell"]),
        ("!ls\nx = 1", ["shell"]),
        ("files = !find . -delete", ["deletes", "shell"]),
        ("%%bash\ncurl https://example.org", ["shell", "network"]),
        ("%pip install pandas", ["installs"]),
        ("if True:\n    !pip install pandas", ["shell", "installs"]),
        ("import requests", ["network"]),
        ("import urllib.request as u\nu.urlopen(x)", ["network"]),
        ("import pandas as pd\npd.read_csv('https://example.org/a.csv')", ["network"]),
        ("link = 'https://example.org'", []),
        ("urllib = 1\nremove = print\nremove('a')", []),
        ("%matplotlib inline\nx = 1", []),
        ("%matplotlib inline\ndef f(:", ["unseen"]),
        ("(" * 2000 + ")" * 2000, ["unseen"]),
        ("df?\nimport shutil\nshutil.rmtree('a')", ["unseen"]),
        (">>> import shutil\n>>> shutil.rmtree('a')", ["unseen"]),
        ("  import shutil\n  shutil.rmtree('a')", ["unseen"]),
        ("s = '\u2028'\nimport shutil\nshutil.rmtree('a')", ["deletes"]),
        ("s = '\x85'; import shutil; shutil.rmtree('a')", ["deletes"]),
        ("%rm -rf a", ["deletes"]),
        ("rm -rf a", ["deletes", "unseen"]),
        ("rm -x", ["deletes"]),
        ("rm * x", ["deletes"]),
        ("\nrm += x\n", ["deletes"]),
        ("rm = 1\nrm - 1", []),
        ("rm, x = 1, 2", []),
        ("__import__('os').system('rm -rf a')", ["deletes", "shell"]),
        ("get_ipython().getoutput('ls')", ["shell"]),
        ("import platform\nplatform.system()", []),
        ("%%R\nlibrary(x); unlink('a') %in% b", ["unseen"]),
        ("", []),
    ],
)
def test_risks_are_told_from_the_syntax(code: str, risks: list[str]):
    assert risks_of(code) == risks


@pytest.mark.parametrize(
    ("tool", "args", "risks"),
    [
        ("run_code", {"code": "1 +"}, ["unseen"]),
        ("run_cell", {"code": "1 +"}, ["unseen"]),
        ("insert_cell", {"code": "Some words about it.", "type": "markdown"}, []),
        ("edit_cell", {"code": "Some words.\n\n<script>x</script>"}, ["scripts"]),
        ("write_file", {"path": "a", "content": "rm -rf x"}, []),
        ("box__do", {"code": 5}, []),
    ],
)
def test_only_what_runs_must_be_code(tool: str, args: dict[str, Any], risks: list[str]) -> None:
    assert risks_of_call(tool, args) == risks
