"""A run ships when nothing stands against it, a no outweighs "cannot tell", and what is let through is said."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.clock import DAY
from shipworthy.gate.decision import CHECKS, decide, exit_code
from shipworthy.registry.records import Verdict, Waiver

verdicts = st.lists(
    st.builds(
        Verdict,
        check=st.sampled_from(CHECKS),
        outcome=st.sampled_from(["passed", "blocked", "undecided", "waived"]),
        reason=st.just("because"),
    ),
    max_size=16,
)
waived_checks = st.sets(st.sampled_from(CHECKS))
enforcements = st.sampled_from(["observe", "warn", "block"])


def waivers_for(checks, until=DAY):
    return {check: Waiver(check, until, "we know", "ann", "") for check in checks}


def all_passed():
    return [Verdict(check, "passed", "well") for check in CHECKS]


def with_outcome(check, outcome):
    return [verdict if verdict.check != check else Verdict(check, outcome, "so") for verdict in all_passed()]


def test_what_passed_everything_ships_proven():
    decision = decide(all_passed(), "block", {}, {})
    assert (decision.answer, decision.proven, decision.ships) == ("ship", True, True)
    assert decision.reason == "every check passed"
    assert exit_code(decision.answer) == 0


def test_a_blocked_check_holds_and_is_named_with_its_reason():
    decision = decide(with_outcome("quality", "blocked"), "block", {}, {})
    assert decision.answer == "hold"
    assert decision.reason == "quality blocked: so"
    assert exit_code(decision.answer) == 1


def test_what_could_not_be_measured_is_an_answer_of_its_own():
    decision = decide(with_outcome("latency", "undecided"), "block", {}, {})
    assert decision.answer == "undecided"
    assert exit_code(decision.answer) == 3


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_that_was_never_made_lets_nothing_ship(check):
    made = [verdict for verdict in all_passed() if verdict.check != check]
    decision = decide(made, "block", {}, {})
    assert (decision.answer, decision.against) == ("undecided", (check,))


def test_the_last_verdict_of_a_check_counts():
    blocked = Verdict("quality", "blocked", "first try")
    assert decide([blocked, *all_passed()], "block", {}, {}).ships
    assert not decide([*all_passed(), blocked], "block", {}, {}).ships


def test_a_waived_check_ships_unproven_and_says_by_whom_and_until_when():
    decision = decide(with_outcome("quality", "blocked"), "block", waivers_for(["quality"]), {})
    assert (decision.answer, decision.proven, decision.waived) == ("ship", False, ("quality",))
    judged = next(verdict for verdict in decision.verdicts if verdict.check == "quality")
    assert judged.outcome == "waived"
    assert judged.reason == "waived until 1970-01-02 by ann: we know (blocked: so)"


def test_a_waiver_that_ran_out_is_loud_and_lets_nothing_through():
    expired = waivers_for(["quality"])
    decision = decide(with_outcome("quality", "blocked"), "block", {}, expired)
    assert decision.answer == "hold"
    assert "the waiver of ann, 'we know', EXPIRED on 1970-01-02" in decision.reason
    assert decision.expired == (expired["quality"],)


def test_a_waiver_that_ran_out_and_is_not_needed_says_nothing():
    assert decide(all_passed(), "block", {}, waivers_for(["quality"])).expired == ()


def test_a_check_that_passed_needs_no_waiver_and_stays_proven():
    assert decide(all_passed(), "block", waivers_for(["quality"]), {}).proven


@pytest.mark.parametrize("enforcement", ["observe", "warn"])
def test_a_contract_that_does_not_block_ships_unproven_and_says_what_stands_against_it(enforcement):
    decision = decide(with_outcome("quality", "blocked"), enforcement, {}, {})
    assert (decision.answer, decision.proven, decision.against) == ("ship", False, ("quality",))
    assert f"the contract only {enforcement}s" in decision.reason
    assert "quality blocked: so" in decision.reason


@given(verdicts, waived_checks, enforcements)
def test_nothing_unproven_is_called_proven_and_only_what_is_answered_for_ships(made, waived, enforcement):
    decision = decide(made, enforcement, waivers_for(waived), {})
    latest = {verdict.check: verdict.outcome for verdict in made}
    assert decision.proven == all(latest.get(check) == "passed" for check in CHECKS)
    answered_for = all(latest.get(check) in ("passed", "waived") or check in waived for check in CHECKS)
    assert decision.ships == (answered_for or enforcement != "block")
    assert [verdict.check for verdict in decision.verdicts] == list(CHECKS)


@given(verdicts, waived_checks)
def test_another_waiver_never_makes_the_answer_worse(made, waived):
    badness = {"ship": 0, "undecided": 1, "hold": 2}
    without = decide(made, "block", {}, {})
    with_waivers = decide(made, "block", waivers_for(waived), {})
    assert badness[with_waivers.answer] <= badness[without.answer]


def test_a_decision_is_json():
    assert msgspec.json.decode(msgspec.json.encode(decide([], "block", {}, {})))["answer"] == "undecided"
