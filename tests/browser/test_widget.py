"""The chat widget in JupyterLab."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.servers import wait_for

from .lab import Lab

OpenLab = Callable[..., Lab]
CHAT = "import lobu_jupyter as lobu\nchat = lobu.ChatWidget('talk')\nchat"


def say(lab: Lab, *lines: str) -> None:
    box = lab.view.locator(".lobu-composer textarea")
    box.fill("\n".join(lines))
    box.press("Enter")


def test_a_question_is_answered_in_the_widget_and_python_sees_how_it_goes(open_lab: OpenLab):
    lab = open_lab(CHAT)
    lab.run_all()
    say(lab, "ask Which colour? | red | blue")
    expect(lab.question).to_be_visible()
    wait_for("the kernel to know", lambda: lab.value("chat.status") == "'waiting'", 45)

    lab.question.get_by_text("blue").click()
    lab.question.get_by_role("button", name="Answer", exact=True).click()

    lab.stands("Done")
    wait_for("the kernel to know", lambda: lab.value("chat.status") == "'idle'", 45)
    assert "blue" in str(lab.value("chat.last_answer"))
    assert lab.errors == []


def test_a_message_while_the_agent_waits_is_queued_and_the_card_rejects_with_a_reason(open_lab: OpenLab):
    lab = open_lab(CHAT.replace("talk", "refuse"))
    lab.run_all()
    say(lab, "run x = 1")
    expect(lab.question).to_be_visible()

    say(lab, "say counted")

    expect(lab.view.locator(".lobu-queued")).to_contain_text("say counted")
    expect(lab.question).to_be_visible()
    lab.question.press("Control+Backspace")
    lab.question.locator("input").fill("rather count the rows")
    lab.button("Reject and send").click()
    lab.stands("Done")
    expect(lab.view).to_contain_text("Rejected by you")
    expect(lab.view).to_contain_text("rather count the rows")
    expect(lab.view.locator(".lobu-assistant").last).to_contain_text("counted")
    assert lab.value("x") is None


def test_the_person_answers_in_place_of_the_tool(open_lab: OpenLab):
    lab = open_lab(CHAT.replace("talk", "respond"))
    lab.run_all()
    say(lab, "run x = 1")

    lab.button("More actions").click()
    lab.view.get_by_role("menuitem", name="Reply without running").click()
    lab.question.locator("input").fill("it is 7")
    lab.question.locator("input").press("Enter")

    lab.stands("Done")
    expect(lab.view.locator(".lobu-assistant").last).to_contain_text("it is 7")
    assert lab.value("x") is None


def test_the_widget_is_whole_after_a_reload_and_attaches_again_after_a_kernel_restart(open_lab: OpenLab):
    lab = open_lab(CHAT.replace("talk", "stay"))
    lab.run_all()
    say(lab, "say the first answer")
    lab.stands("Done")
    lab.save()

    lab.server.restart_kernel(lab.kernel_id())
    lab.reload()
    expect(lab.view.locator(".lobu-assistant")).to_contain_text("the first answer")  # no cell was run
    say(lab, "say it again")
    expect(lab.view.locator(".lobu-assistant").last).to_contain_text("it again")
    lab.run_all()

    expect(lab.view.locator(".lobu-assistant").first).to_contain_text("the first answer")
    assert lab.view.inner_text().count("the first answer") == 2  # the prompt, the answer
    say(lab, "say the second answer")
    expect(lab.view.locator(".lobu-assistant").last).to_contain_text("the second answer")
