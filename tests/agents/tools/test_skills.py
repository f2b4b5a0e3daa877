"""Skills and instructions: which are offered, what is read on demand, and what stays closed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.loop import standing
from lobu_jupyter.agents.tools.skills import MAX_BYTES, find_skills
from lobu_jupyter.model.events import Event
from tests.agents.bench import Ended, FakeKernel, run, task_for

PDF = "---\nname: pdf\ndescription: >\n  Fills in\n  PDF forms.\n---\n\n# How\nUse the form.\n"


def skill(root: Path, name: str = "pdf", text: str = PDF, folder: str = "") -> Path:
    place = root / folder / ".agents" / "skills" / name
    place.mkdir(parents=True)
    (place / "SKILL.md").write_text(text)
    return place


async def load(root: Path, name: str = "pdf", notebook: str | None = None, **more: str) -> str:
    prompt = "tool load_skill " + json.dumps({"name": name, **more})
    ended = await run(script(), task_for(prompt, root=str(root), notebook_path=notebook), FakeKernel())
    (result,) = ended.results.values()
    return result


async def begun(root: Path, notebook: str | None = None) -> Ended:
    return await run(script(), task_for("say hi", root=str(root), notebook_path=notebook), FakeKernel())


async def prompt_of(root: Path, notebook: str | None = None) -> tuple[str, list[Event]]:
    return await standing.standing_of(task_for("say hi", root=str(root), notebook_path=notebook))


async def test_a_skill_is_named_in_the_prompt_and_the_transcript_and_read_on_demand(tmp_path: Path) -> None:
    place = skill(tmp_path)
    (place / "more").mkdir()
    (place / "more" / "fields.md").write_text("All fields.")

    text, _ = await prompt_of(tmp_path)
    ended = await begun(tmp_path)

    assert "- pdf: Fills in PDF forms." in text
    assert "# How" not in text
    (said,) = ended.customs("lobu.skills")
    assert said == {"names": ["pdf"], "message": "Skills offered: pdf."}
    assert await load(tmp_path) == (
        ".agents/skills/pdf/SKILL.md, which grants no permission:\n\n# How\nUse the form."
    )
    assert (await load(tmp_path, file="more/fields.md")).endswith(":\n\nAll fields.")


async def test_without_a_skill_there_is_no_tool_and_no_notice(tmp_path: Path) -> None:
    ended = await begun(tmp_path)

    assert ended.customs("lobu.skills") == []
    assert "load_skill" in await load(tmp_path)
    assert "There is no skill" not in await load(tmp_path)


async def test_the_nearest_folder_wins_and_the_other_is_named(tmp_path: Path) -> None:
    skill(tmp_path)
    skill(tmp_path, text=PDF.replace("Use", "Near"), folder="a/b")
    skill(tmp_path, "top", PDF.replace("name: pdf", "name: top"))

    found = find_skills(task_for("x", root=str(tmp_path), notebook_path="a/b/n.ipynb"))

    assert list(found.found) == ["pdf", "top"]
    assert found.problems == [
        ".agents/skills/pdf is left out: a/b/.agents/skills/pdf has the same name and is nearer"
    ]
    assert "Near the form" in await load(tmp_path, notebook="a/b/n.ipynb")
    assert "Use the form" in await load(tmp_path, notebook="a/n.ipynb")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# no front", "it does not begin with front matter"),
        ("---\nname: [pdf\n---\n", "its front matter is no YAML"),
        ("---\n" + "[" * 4000 + "\n---\n", "its front matter is no YAML"),
        ("---\n- pdf\n---\n", "its front matter has no name"),
        ("---\nname: pfd\ndescription: x\n---\n", "its name is 'pfd', and must be that of its folder"),
        ("---\nname: pdf\n---\n", "its front matter has no description"),
        ("---\nname: pdf\ndescription: 5\n---\n", "its front matter has no description"),
        (f"---\nname: pdf\ndescription: {'d' * 2000}\n---\n", "its description has more than 1024"),
        (PDF + "x" * MAX_BYTES, "SKILL.md has more than 32.0 kB"),
    ],
)
async def test_a_broken_skill_is_named_and_not_offered(tmp_path: Path, text: str, why: str) -> None:
    skill(tmp_path, text=text)

    said, events = await prompt_of(tmp_path)

    assert said == ""
    (event,) = events
    assert event["value"]["names"] == []
    assert f".agents/skills/pdf is left out: {why}" in event["value"]["message"]


async def test_hidden_characters_of_a_description_show_in_the_prompt(tmp_path: Path) -> None:
    skill(tmp_path, text='---\nname: pdf\ndescription: "good \\u202e\\U000E0041"\n---\n')

    text, _ = await prompt_of(tmp_path)

    assert "- pdf: good \\u202e\\U000e0041" in text


@pytest.mark.parametrize(
    "file", ["../secret.md", "../../../secret.md", ".hidden", "/etc/hosts", "link.md", "out/x.md", ""]
)
async def test_nothing_outside_of_the_skills_folder_is_read(tmp_path: Path, file: str) -> None:
    place = skill(tmp_path)
    (tmp_path / "secret.md").write_text("PRIVATE")
    (tmp_path / ".env").write_text("PRIVATE")
    (place.parent / "secret.md").write_text("PRIVATE")
    (place / ".hidden").write_text("PRIVATE")
    (place / "link.md").symlink_to(tmp_path / ".env")
    (place / "out").symlink_to(tmp_path)
    (tmp_path / "x.md").write_text("PRIVATE")

    assert "PRIVATE" not in await load(tmp_path, file=file)


@pytest.mark.parametrize("what", ["file", "skill", "skills", "agents"])
async def test_no_link_leads_to_a_skill(tmp_path: Path, what: str) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    place = skill(other)
    at = {"file": place / "SKILL.md", "skill": place, "skills": place.parent, "agents": place.parents[1]}[
        what
    ]
    link = root / at.relative_to(other)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(at)

    text, _ = await prompt_of(root)

    assert "Fills" not in text


async def test_a_pipe_is_no_skill_and_blocks_nothing(tmp_path: Path) -> None:
    place = tmp_path / ".agents" / "skills" / "pdf"
    place.mkdir(parents=True)
    os.mkfifo(place / "SKILL.md")

    found = find_skills(task_for("x", root=str(tmp_path)))

    assert found.problems == [".agents/skills/pdf is left out: SKILL.md is not a file."]


async def test_the_folder_stays_hidden_for_every_other_tool(tmp_path: Path) -> None:
    skill(tmp_path)
    prompt = 'tool read_file {"path": ".agents/skills/pdf/SKILL.md"} && tool list_files {"path": ".agents"}'

    ended = await run(script(), task_for(prompt, root=str(tmp_path)), FakeKernel())

    assert all("is hidden" in text for text in ended.results.values())


async def test_the_folder_of_a_hidden_notebook_offers_none(tmp_path: Path) -> None:
    skill(tmp_path, folder=".private")

    text, _ = await prompt_of(tmp_path, ".private/n.ipynb")

    assert "pdf" not in text


async def test_the_instructions_of_the_nearest_folder_come_first(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "AGENTS.md").write_text("Root.")
    (tmp_path / "a" / "b" / "AGENTS.md").write_text("Near.")

    text, events = await prompt_of(tmp_path, "a/b/n.ipynb")
    (tmp_path / "a" / "b" / "AGENTS.md").write_text("New.")
    again, _ = await prompt_of(tmp_path, "a/b/n.ipynb")

    assert text.index("(a/b/AGENTS.md):\nNear.") < text.index("(AGENTS.md):\nRoot.")
    assert [event["value"]["path"] for event in events] == ["a/b/AGENTS.md", "AGENTS.md"]
    assert "New." in again


async def test_all_instructions_together_have_a_bound_and_what_is_cut_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "AGENTS.md").write_text("n" * 30_000)
    (tmp_path / "AGENTS.md").write_text("r" * 30_000)

    text, events = await prompt_of(tmp_path, "a/n.ipynb")

    assert text.count("n" * 30_000) == 1
    assert len(text) < 34_000
    (cut,) = [event["value"] for event in events if event["name"] == "lobu.unread"]
    assert cut["path"] == "AGENTS.md"
    assert "only in part" in cut["message"]


async def test_a_folder_deep_below_has_its_own_and_the_roots(tmp_path: Path) -> None:
    deep = "/".join("abcdefghijkl")
    (tmp_path / deep).mkdir(parents=True)
    (tmp_path / deep / "AGENTS.md").write_text("Near.")
    (tmp_path / "AGENTS.md").write_text("Root.")

    _, events = await prompt_of(tmp_path, f"{deep}/n.ipynb")

    assert [event["value"]["path"] for event in events] == [f"{deep}/AGENTS.md", "AGENTS.md"]
