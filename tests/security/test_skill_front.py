"""A skill of a cloned repository cannot fill the memory or hold up a run by the YAML of its front matter."""

from __future__ import annotations

import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

MOST_MEMORY = 1 << 30
MOST_SECONDS = 30.0
LETTERS = "abcdefgh"
LISTS = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
MERGES = ["a: &a {k: v}"]
for before, letter in pairwise(LETTERS):
    ten = ",".join([f"*{before}"] * 10)
    LISTS.append(f"{letter}: &{letter} [{ten}]")
    MERGES.append(f"{letter}: &{letter} {{<<: [{ten}]}}")
FRONTS = {
    "a name of billions of texts": [*LISTS, "name: *h", "description: d"],
    "a description of billions of texts": ["name: bomb", *LISTS, "description: *h"],
    "a mapping that is merged billions of times": ["name: bomb", "description: d", *MERGES],
    "a list in itself": ["name: &n [*n]", "description: d"],
    "a number without end": ["name: " + "9" * 7000, "description: d"],
    "lists in lists": ["name: " + "[" * 7000, "description: d"],
    "lists in lists, in blocks": ["name: bomb", "description:", "  " + "- " * 3500 + "d"],
    "names of names": ["? " * 3500 + "d", "name: bomb"],
    "names that are lists": ["? [a, b]", ": c", "name: bomb", "description: d"],
}
LOOK = """
import sys
from lobu_jupyter.agents.tools.skills import find_skills
from tests.agents.bench import task_for
skills = find_skills(task_for("say hi", root=sys.argv[1], notebook_path=None))
print(list(skills.found), max(map(len, skills.problems), default=0))
"""


@pytest.mark.parametrize("which", FRONTS)
def test_a_front_matter_that_grows_is_left_out(which: str, tmp_path: Path) -> None:
    for name, lines in (("bomb", FRONTS[which]), ("good", ["name: good", "description: d"])):
        folder = tmp_path / ".agents" / "skills" / name
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text("\n".join(["---", *lines, "---", "text"]))

    looked = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        preexec_fn=_bound_memory,
    )

    assert looked.returncode == 0, looked.stderr[-500:]
    found, _, longest = looked.stdout.strip().rpartition(" ")
    assert found == "['good']"
    assert 0 < int(longest) < 300


def _bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
