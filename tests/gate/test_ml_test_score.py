"""The ML Test Score counts what there is evidence for, and is the smallest of its four sections."""

import msgspec
import pytest

from shipworthy.contract.records import Purpose, Retraining
from shipworthy.gate.decision import CHECKS
from shipworthy.gate.ml_test_score import SECTIONS, Evidence, ml_test_score
from shipworthy.registry.records import Verdict


def passed(*checks, **figures):
    return {check: Verdict(check, "passed", "well", figures) for check in checks}


@pytest.fixture
def nothing(contract):
    return Evidence(contract=contract, verdicts={})


@pytest.fixture
def everything(contract):
    contract = msgspec.structs.replace(
        contract,
        purpose=Purpose(decision="d", owner="o", baseline="distance"),
        retraining=Retraining(on=("schedule",), schedule=1),
    )
    return Evidence(
        contract=contract,
        verdicts=passed(*CHECKS, live=0.7),
        commit="c0ffee",
        dirty=False,
        watched_windows=30,
        labelled_windows=30,
        previous=True,
        rollbacks=1,
    )


def test_there_are_seven_tests_in_each_of_four_sections(nothing):
    tests = ml_test_score(nothing).tests
    assert {section: sum(test.section == section for test in tests) for section in SECTIONS} == dict.fromkeys(
        SECTIONS, 7
    )
    assert len({(test.section, test.name) for test in tests}) == 28


def test_without_evidence_everything_is_absent(nothing):
    score = ml_test_score(nothing)
    assert (score.score, score.meaning) == (0, "a research project rather than a product")


def test_the_score_is_the_smallest_section_and_with_all_evidence_it_is_still_modest(everything):
    score = ml_test_score(everything)
    assert score.sections == {"data": 1, "model": 3, "infrastructure": 4, "monitoring": 4.5}
    assert (score.score, score.meaning) == (1, "not untested, but expect serious holes")


def test_every_credit_is_none_half_or_full_and_says_why(everything, nothing):
    for evidence in (everything, nothing):
        for test in ml_test_score(evidence).tests:
            assert test.credit in (0, 0.5, 1)
            assert test.reason


@pytest.mark.parametrize(
    ("changes", "name", "credit"),
    [
        ({"dirty": True}, "the specification is reviewed and checked in", 0),
        ({"rollbacks": 0}, "serving can be rolled back", 0.5),
        ({"rollbacks": 0, "previous": False}, "serving can be rolled back", 0),
        ({"labelled_windows": 0}, "quality has not become worse on served data", 0),
        ({"watched_windows": 0}, "training and serving are not skewed", 0),
        ({"verdicts": passed("quality")}, "the effect of staleness is known", 0),
        ({"verdicts": passed("quality")}, "the whole pipeline is tested", 0),
        ({"verdicts": {"rebuild": Verdict("rebuild", "waived", "")}}, "training is reproducible", 0),
    ],
)
def test_less_evidence_gets_less_credit(everything, changes, name, credit):
    score = ml_test_score(msgspec.structs.replace(everything, **changes))
    assert next(test.credit for test in score.tests if test.name == name) == credit


def test_a_gate_that_only_warns_and_a_prior_as_baseline_get_half(everything):
    contract = msgspec.structs.replace(
        everything.contract,
        gate=msgspec.structs.replace(everything.contract.gate, enforcement="warn"),
        purpose=Purpose(decision="d", owner="o"),
    )
    credits_ = {t.name: t.credit for t in ml_test_score(msgspec.structs.replace(everything, contract=contract)).tests}
    assert credits_["quality is validated before serving"] == 0.5
    assert credits_["a simpler model is not better"] == 0.5


@pytest.mark.parametrize(
    ("outcome", "rows", "credit", "said"),
    [
        ("passed", 400.0, 1, "400 rows found again in the training source"),
        ("passed", 0.0, 1, "by one list of features"),
        ("blocked", 400.0, 0, "rows that were served are not those of the training source"),
    ],
)
def test_rows_that_are_served_as_others_than_were_learnt_from_earn_nothing(everything, outcome, rows, credit, said):
    verdicts = {**everything.verdicts, "skew": Verdict("skew", outcome, "", {"rows": rows})}
    score = ml_test_score(msgspec.structs.replace(everything, verdicts=verdicts))
    [found] = [test for test in score.tests if "skewed" in test.name]
    assert found.credit == credit
    assert said in found.reason
