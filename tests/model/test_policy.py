"""May this call run? deny > ask > allow > mode; layers only tighten."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.policy import Grant, Layer, Policy, Rules, Verdict, judge


def policy(
    answerable: bool = True, max_mode: str = "allow", grants: tuple[Grant, ...] = (), **layers: Rules
) -> Policy:
    return Policy(
        layers=tuple(Layer(name=name, rules=rules) for name, rules in layers.items()),
        grants=grants,
        max_mode=max_mode,  # pyright: ignore[reportArgumentType]
        answerable=answerable,
    )


GRANT = Grant(grant_id="g", tool="rm_x", scope="thread", covers="all", by="ada")


@pytest.mark.scenario("P2")
@pytest.mark.parametrize("mode", ["ask", "allow", "deny"])
def test_a_mode_covers_the_tools_that_no_rule_names(mode: str) -> None:
    ruling = judge(policy(run=Rules(mode=mode)), "anything", needs_approval=True)  # pyright: ignore[reportArgumentType]

    assert ruling.verdict == mode


@pytest.mark.scenario("P2")
def test_without_a_mode_the_tool_itself_says_whether_it_needs_approval() -> None:
    assert judge(Policy(), "run_code", needs_approval=True).verdict is Verdict.ASK
    assert judge(Policy(), "list_variables", needs_approval=False).verdict is Verdict.ALLOW


@pytest.mark.scenario("P3")
def test_deny_beats_ask_beats_allow_beats_mode() -> None:
    rules = Rules(deny=("a*",), ask=("a*", "b*"), allow=("a*", "b*", "c*"), mode="deny")

    verdicts = [judge(policy(server=rules), tool, True).verdict for tool in ("a", "b", "c", "d")]

    assert verdicts == ["deny", "ask", "allow", "deny"]


@pytest.mark.scenario("P4")
def test_globs_are_anchored_and_case_counts() -> None:
    rules = policy(server=Rules(allow=("read_*",)))

    assert judge(rules, "read_a", True).verdict is Verdict.ALLOW
    assert judge(rules, "xread_a", True).verdict is Verdict.ASK
    assert judge(rules, "READ_a", True).verdict is Verdict.ASK


@pytest.mark.scenario("P5")
def test_no_lower_layer_removes_a_deny_or_an_ask() -> None:
    denied = policy(server=Rules(deny=("rm*",)), notebook=Rules(allow=("rm*",)), run=Rules(mode="allow"))
    asked = policy(server=Rules(ask=("rm*",)), notebook=Rules(allow=("rm*",)), run=Rules(mode="allow"))

    assert judge(denied, "rm_x", True).verdict is Verdict.DENY
    assert judge(asked, "rm_x", True).verdict is Verdict.ASK


@pytest.mark.scenario("P5")
def test_neither_a_mode_nor_a_lower_allow_goes_past_the_servers_max_mode() -> None:
    by_mode = policy(max_mode="ask", run=Rules(mode="allow"))
    by_rule = policy(max_mode="ask", notebook=Rules(allow=("x",)))

    assert judge(by_mode, "x", True).verdict is Verdict.ASK
    assert judge(by_rule, "x", True).verdict is Verdict.ASK


@pytest.mark.scenario("P5")
def test_a_grant_answers_an_ask_but_no_deny_and_no_ask_marked_no_grant() -> None:
    def with_grant(rules: Rules) -> Verdict:
        return judge(policy(grants=(GRANT,), server=rules), "rm_x", True).verdict

    assert with_grant(Rules(ask=("rm*",))) is Verdict.ALLOW
    assert with_grant(Rules(deny=("rm*",))) is Verdict.DENY
    assert with_grant(Rules(no_grant=("rm*",))) is Verdict.ASK


@pytest.mark.scenario("P6")
def test_where_nobody_can_answer_an_ask_is_a_refusal_that_says_so() -> None:
    ruling = judge(policy(answerable=False), "run_code", needs_approval=True)

    assert ruling.verdict is Verdict.DENY
    assert "nobody" in ruling.why
