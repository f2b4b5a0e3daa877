"""What is said on a card about the code that it asks to run."""

from __future__ import annotations

import pytest

from lobu_jupyter.agents.tools.risks import risks_of


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
        ("%matplotlib inline\ndef f(:", []),
        ("(" * 2000 + ")" * 2000, []),
    ],
)
def test_risks_are_told_from_the_syntax(code: str, risks: list[str]):
    assert risks_of(code) == risks
