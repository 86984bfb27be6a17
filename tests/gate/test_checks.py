"""Every check turns records into one verdict with its reason, and tells "no" from "cannot tell"."""

import tomllib

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from shipworthy.contract.proposal import proposal
from shipworthy.contract.records import Monitoring, RebuildRule, Serving, SkewRule
from shipworthy.contract.study import study
from shipworthy.contract.violations import Violation, violations
from shipworthy.counts.reference import build
from shipworthy.gate.checks.alerting import alerting
from shipworthy.gate.checks.compatibility import compatibility
from shipworthy.gate.checks.data import data
from shipworthy.gate.checks.latency import latency
from shipworthy.gate.checks.purpose import purpose
from shipworthy.gate.checks.rebuild import rebuild
from shipworthy.gate.checks.reference import reference
from shipworthy.gate.checks.rehearsal import Rehearsed, rehearsal
from shipworthy.gate.checks.runtime import runtime
from shipworthy.gate.checks.skew import skew
from shipworthy.lineage.records import Cause, Diagnosis, Equivalence, Rebuild
from shipworthy.models.records import BundleDescription, RuntimeVerdict
from shipworthy.monitoring.records import Drill, Reached
from shipworthy.monitoring.self_consistency import settle
from shipworthy.monitoring.skew import FeatureSkew, Skew, in_words
from shipworthy.registry.records import LatencyVerdict, Rehearsal
from shipworthy.training.equivalence import told
from shipworthy.training.proof import Proof

MEASURED = LatencyVerdict("passed", "0 of 1,000 late", 100, 1000, 0, 0, 1, 4, 9, 10, 0.99, 0.1, 0, 0)
SAMPLE = pa.table({"age": [1.0, 2.0, 3.0], "late": [True, False, True]})
DAY = 86_400_000_000_000


def test_a_purpose_that_somebody_wrote_passes_and_names_who_answers(contract):
    verdict = purpose(contract.purpose)
    assert (verdict.outcome, verdict.reason) == ("passed", "o answers for it: d")


@pytest.mark.parametrize("key", ["decision", "owner"])
def test_a_purpose_as_init_left_it_is_blocked_naming_the_key(contract, key):
    proposed = tomllib.loads(proposal(study(SAMPLE), name="m", data="r", source="file:r.parquet"))["purpose"]
    verdict = purpose(msgspec.structs.replace(contract.purpose, **{key: proposed[key]}))
    assert verdict.outcome == "blocked"
    assert verdict.reason.startswith(f"purpose.{key} still as")


def drilled(**changes):
    given = {"payoff": "wind", "share": 0.55, "windows": 12, "channels": (Reached("log", True, ""),)}
    return Drill(1, "", "run-1", **{**given, "alert": "drill-1", **changes})


def test_a_drill_whose_alert_arrived_passes_and_says_where():
    told = alerting(drilled(channels=(Reached("log", True, ""), Reached("webhook", True, ""))), "drill-9")
    assert (told.outcome, told.evidence) == ("passed", ("drill-9",))
    assert "after 12 windows, and its alert arrived at webhook" in told.reason
    assert "nobody else is told: name a webhook" in alerting(drilled()).reason


@pytest.mark.parametrize(
    ("drill", "outcome", "said"),
    [
        (None, "undecided", "no drill could be made"),
        (drilled(windows=None, channels=()), "blocked", "55% of the rows of wind were moved, and no alarm was raised"),
        (drilled(channels=(Reached("webhook", False, "it answered 500"),)), "blocked", "webhook: it answered 500"),
    ],
)
def test_without_an_alert_that_arrives_nothing_is_watched(drill, outcome, said):
    verdict = alerting(drill)
    assert verdict.outcome == outcome
    assert said in verdict.reason


def skewed(differing, rows=400, missing=()):
    features = (FeatureSkew("wind", rows, differing, "17", "1-w0-0-0-0", 3.2, 0),) if differing else ()
    words = in_words(rows, rows, 0, 0, features)
    return Skew(1, "flights", "delta:flights", "7", 1e-6, rows, rows, 0, 0, features, missing, words)


@pytest.mark.parametrize(
    ("found", "outcome", "said"),
    [
        (None, "passed", "nothing to compare: set data.flights.id"),
        (skewed(12, rows=12), "passed", "not enough rows yet: 12 of 100"),
        (skewed(0), "passed", "400 rows served are the same"),
        (skewed(4), "passed", "wind differed in 4 of 400"),
        (
            skewed(5),
            "blocked",
            "wind differed in 5 of 400 rows served, e.g. id 17: training 3.2, served 0 (1.0% of rows",
        ),
        (skewed(0, missing=("temp",)), "passed", "no served row has temp"),
    ],
)
def test_skew_blocks_once_enough_rows_show_it(found, outcome, said):
    verdict = skew(SkewRule(), found, "skew-9", source="flights")
    assert (verdict.outcome, verdict.evidence) == (outcome, ("skew-9",) if found else ())
    assert said in verdict.reason


def test_data_that_fits_the_contract_passes(contract):
    table = pa.table({"distance": [1.0, 2.0]})
    verdict = data(violations(contract, table), table.num_rows)
    assert (verdict.outcome, verdict.figures["rows"]) == ("passed", 2)


def test_data_that_breaks_it_is_blocked_naming_column_rows_and_values(contract):
    table = pa.table({"distance": [1.0, 9000.0]})
    verdict = data(violations(contract, table), table.num_rows)
    assert verdict.outcome == "blocked"
    assert "distance: 1 row out of range, first 9000" in verdict.reason
    assert verdict.figures["violating_rows"] == 1


def test_what_the_contract_tolerates_passes_and_is_mentioned(contract):
    tolerant = msgspec.structs.replace(contract.features[0], on_violation="flag")
    contract = msgspec.structs.replace(contract, features=(tolerant,))
    verdict = data(violations(contract, pa.table({"distance": [9000.0]})), 1)
    assert verdict.outcome == "passed"
    assert "tolerated" in verdict.reason


def test_of_many_violations_three_are_told_and_the_rest_are_counted():
    against = [Violation(f"f{place}", "null", place + 1, (), 0, "no null", tolerated=False) for place in range(5)]
    verdict = data(against, 10)
    assert verdict.reason.count("; f") == 2
    assert verdict.reason.endswith("; and 2 more")
    assert "more" not in data(against[:3], 10).reason
    mixed = data([*against, msgspec.structs.replace(against[0], tolerated=True)], 10)
    assert (mixed.figures["violations"], mixed.figures["tolerated"]) == (5, 1)


@pytest.mark.parametrize(("found", "rows"), [(None, 10), ((), 0)])
def test_data_that_is_gone_or_empty_is_undecided(found, rows):
    assert data(found, rows).outcome == "undecided"


def made(rung, differences=()):
    return Rebuild(1, "run-1", rung, "prediction-identical", 0.1, differences, 2.0, 0, None)


@pytest.mark.parametrize(
    ("rung", "outcome"),
    [
        ("bit-identical", "passed"),
        ("prediction-identical", "passed"),
        ("within-tolerance", "blocked"),
        ("different", "blocked"),
    ],
)
def test_a_rebuild_has_to_reach_the_rung_that_the_contract_asks_for(rung, outcome):
    assert rebuild(RebuildRule(), made(rung), "rebuild-1").outcome == outcome


def test_a_rebuild_that_differs_tells_the_cause():
    verdict = rebuild(RebuildRule(), made("different", ("the order of rows",)), "rebuild-1")
    assert verdict.reason == "made again it is different, asked for prediction-identical: the order of rows"
    assert verdict.evidence == ("rebuild-1",)


def differing(*causes, words="no factor explains it", differences=("the first split",)):
    diagnosis = Diagnosis("prediction-identical", causes, words, (), ())
    return msgspec.structs.replace(made("different", differences), diagnosis=diagnosis)


def test_a_rebuild_whose_cause_was_found_tells_it_and_how_sure_that_is():
    sure, likely = Cause("threads", "two threads", certain=True), Cause("rows", "another order", certain=False)
    verdict = rebuild(RebuildRule(), differing(sure, likely), "rebuild-1")
    assert verdict.reason.endswith(": cause: two threads; likely cause: another order")
    assert rebuild(RebuildRule(), differing(), "rebuild-1").reason.endswith(": no factor explains it (the first split)")


def test_a_model_that_is_random_by_nature_tells_what_it_was_compared_with_whether_it_passes_or_not():
    rule = RebuildRule(rung="statistically-equivalent")
    equivalence = Equivalence((1, 2, 3), 0.25, 0.05, "auc", 0.71, 0.7, 0.72, 0.02, 0.03)
    like = msgspec.structs.replace(made("statistically-equivalent"), equivalence=equivalence)
    passed = rebuild(rule, like, "rebuild-1")
    assert (passed.outcome, passed.reason.endswith(told(equivalence))) == ("passed", True)
    unlike = msgspec.structs.replace(made("different"), equivalence=equivalence)
    blocked = rebuild(rule, unlike, "rebuild-1")
    assert (blocked.outcome, blocked.reason.endswith(told(equivalence))) == ("blocked", True)
    assert told(equivalence) not in rebuild(rule, made("bit-identical"), "rebuild-1").reason


def test_an_earlier_proof_of_the_same_recipe_counts_only_where_the_run_has_none_of_its_own():
    earlier = Proof("rebuild-0", "run-0", "bit-identical")
    leant = rebuild(RebuildRule(when="changed"), None, earlier=earlier)
    assert (leant.outcome, leant.evidence) == ("passed", ("rebuild-0",))
    assert "made again as bit-identical" in leant.reason
    own = rebuild(RebuildRule(when="changed"), made("different"), "rebuild-1", earlier=earlier)
    assert (own.outcome, own.evidence) == ("blocked", ("rebuild-1",))


def test_without_a_rebuild_nothing_is_decided_and_why_is_told():
    assert rebuild(RebuildRule(), None).outcome == "undecided"
    assert rebuild(RebuildRule(), None, because="the data is gone").reason == "the data is gone"


def test_rebuilding_switched_off_is_waived_by_the_contract():
    verdict = rebuild(RebuildRule(when="off"), None)
    assert (verdict.outcome, "unproven" in verdict.reason) == ("waived", True)


@pytest.mark.parametrize("outcome", ["passed", "blocked", "undecided"])
def test_latency_is_what_the_load_said(outcome):
    measured = msgspec.structs.replace(MEASURED, outcome=outcome)
    verdict = latency(Serving(p99_ms=10, rate=100), measured, 0.99)
    assert (verdict.outcome, verdict.reason) == (outcome, MEASURED.reason)
    assert verdict.figures["p99_ms"] == 4


@pytest.mark.parametrize(
    ("promised", "confidence", "words"),
    [
        (Serving(p99_ms=5, rate=100), 0.99, "measured against 10 ms, promised are 5"),
        (Serving(p99_ms=10, rate=500), 0.99, "measured at 100 requests a second, promised are 500"),
        (Serving(p99_ms=10, rate=100), 0.999, "confidence"),
        (Serving(p99_ms=10, rate=100, first_ms=0.1), 0.99, "promised are 0.1 ms"),
        (Serving(p99_ms=10, rate=100, p999_ms=20), 0.99, "p99.9 was held to nothing, promised are 20 ms"),
    ],
)
def test_a_pass_under_an_easier_promise_does_not_count(promised, confidence, words):
    verdict = latency(promised, MEASURED, confidence)
    assert (verdict.outcome, words in verdict.reason) == ("undecided", True)


def test_a_failure_under_an_easier_promise_is_one_all_the_same():
    measured = msgspec.structs.replace(MEASURED, outcome="blocked")
    assert latency(Serving(p99_ms=5), measured, 0.99).outcome == "blocked"


def test_latency_that_was_never_measured_is_undecided():
    assert latency(Serving(), None, 0.99).outcome == "undecided"


def bundle(*runtimes, online="onnx", batch="python"):
    return BundleDescription(1, "m", "regression", (), (), "y", "sklearn", runtimes, online, batch)


def compared(name, *, equal=True, probes=500, difference=1e-7, reason=""):
    return RuntimeVerdict(name, "", equal, probes, difference, 8.0, 2.0, reason)


def test_runtimes_that_are_equal_on_the_probes_pass_and_the_others_are_mentioned():
    verdict = runtime(bundle(compared("onnx"), compared("python", difference=0.0), compared("lightgbm", equal=False)))
    assert verdict.outcome == "passed"
    assert "onnx equal on 500 probes, largest difference 1e-07" in verdict.reason
    assert "not used because not equal: lightgbm" in verdict.reason


def test_the_largest_difference_is_that_of_the_chosen_runtimes_and_none_where_an_answer_was_no_number():
    near, far = compared("onnx", difference=1e-7), compared("python", difference=3e-7)
    assert runtime(bundle(near, far, compared("lightgbm", equal=False))).figures["largest_difference"] == 3e-7
    words = compared("onnx", difference=None), compared("python", difference=None)
    assert runtime(bundle(*words)).figures["largest_difference"] is None


def test_a_chosen_runtime_that_differs_is_blocked():
    verdict = runtime(bundle(compared("onnx", equal=False, difference=0.55, reason="categories"), compared("python")))
    assert verdict.outcome == "blocked"
    assert "onnx differs from the library's own answers by up to 0.55 on 500 probes: categories" in verdict.reason


@pytest.mark.parametrize(
    "description", [None, bundle(compared("python")), bundle(compared("onnx", probes=0), compared("python"))]
)
def test_a_runtime_that_was_never_compared_is_undecided(description):
    assert runtime(description).outcome == "undecided"


def rehearsed(at, outcome="passed", serving="s"):
    verdict = msgspec.structs.replace(MEASURED, outcome=outcome)
    return Rehearsed(f"rehearsal-{at}", at, Rehearsal(1, "c", serving, 0.5, 9000, 8.0, verdict, 10.0))


def test_a_rehearsal_before_training_passes_with_its_budget():
    verdict = rehearsal("s", 100, [rehearsed(50), rehearsed(10)])
    assert (verdict.outcome, verdict.evidence) == ("passed", ("rehearsal-50",))
    assert verdict.figures["budget_ms"] == 8.0


@pytest.mark.parametrize(
    ("rehearsals", "outcome", "words"),
    [
        ([], "blocked", "never rehearsed"),
        ([rehearsed(50, serving="other")], "blocked", "1 of other"),
        ([rehearsed(150)], "blocked", "after training began"),
        ([rehearsed(50, "blocked")], "blocked", "did not pass"),
        ([rehearsed(50, "undecided")], "undecided", "did not pass"),
        ([rehearsed(50, "blocked"), rehearsed(150)], "blocked", "did not pass"),
        ([rehearsed(50), rehearsed(60, "blocked")], "passed", "before training"),
    ],
)
def test_anything_but_a_pass_before_training_does_not_do(rehearsals, outcome, words):
    verdict = rehearsal("s", 100, rehearsals)
    assert (verdict.outcome, words in verdict.reason) == (outcome, True)


def frozen(contract, rows=2000, days=60):
    random = np.random.default_rng(1)
    times = np.sort(random.integers(0, days, rows)) * DAY
    answers = random.random((rows, 1))
    answers = np.hstack([1 - answers, answers])
    return build(contract.features, [random.random(rows)], times, answers, times, window=DAY)


def test_a_reference_that_is_settled_and_large_enough_passes(contract):
    monitoring = Monitoring()
    verdict = reference(monitoring, settle(frozen(contract), monitoring))
    assert verdict.outcome == "passed"
    assert "2,000 rows each" in verdict.reason
    assert verdict.figures["unseen"] == pytest.approx(0.05 + 2.001 / 2000**0.5)


def test_without_a_reference_nothing_may_ship():
    assert reference(Monitoring(), None).outcome == "blocked"


def test_a_reference_that_was_not_held_against_itself_is_undecided(contract):
    verdict = reference(Monitoring(), frozen(contract))
    assert (verdict.outcome, "distance" in verdict.reason) == ("undecided", True)


def test_a_reference_that_is_too_small_to_see_anything_is_blocked(contract):
    monitoring = Monitoring()
    verdict = reference(monitoring, settle(frozen(contract, rows=15, days=14), monitoring))
    assert (verdict.outcome, "15 rows are too few" in verdict.reason) == ("blocked", True)


def test_what_the_reference_cannot_watch_is_said_and_all_deaf_is_blocked(contract):
    settled = settle(frozen(contract), Monitoring())
    deaf = [msgspec.structs.replace(regime, drift=1.0) for regime in settled.regimes]
    some = msgspec.structs.replace(settled, regimes=(deaf[0], *settled.regimes[1:]))
    assert "cannot be watched: distance" in reference(Monitoring(), some).reason
    verdict = reference(Monitoring(), msgspec.structs.replace(settled, regimes=tuple(deaf)))
    assert (verdict.outcome, "nothing can be watched" in verdict.reason) == ("blocked", True)


def test_it_says_with_what_is_compared_and_where_more_drift_is_let_pass_than_the_contract_does(contract):
    settled = settle(frozen(contract), Monitoring())
    silent = reference(Monitoring(), settled).reason
    assert "compared with" not in silent
    assert "more drift allowed" not in silent
    wider = (msgspec.structs.replace(settled.regimes[0], drift=0.2), *settled.regimes[1:])
    named = msgspec.structs.replace(settled, regimes=wider, origin="predictions of 2013-01")
    said = reference(Monitoring(), named)
    assert "features are compared with predictions of 2013-01" in said.reason
    assert "because the reference itself moves: distance" in said.reason
    assert (said.figures["raised"], said.figures["deaf"]) == (1, 0)


def narrowed(contract, version=1):
    feature = msgspec.structs.replace(contract.features[0], max=100)
    model = msgspec.structs.replace(contract.model, version=version)
    return msgspec.structs.replace(contract, features=(feature,), model=model)


def test_the_first_release_can_break_nobody(contract):
    assert compatibility(None, contract).outcome == "passed"


def test_an_unchanged_interface_passes(contract):
    assert compatibility(contract, contract).outcome == "passed"


def test_a_narrowed_range_is_blocked_until_the_version_is_raised(contract):
    verdict = compatibility(contract, narrowed(contract))
    assert verdict.outcome == "blocked"
    assert "features.distance.max" in verdict.reason
    assert "raise model.version above 1" in verdict.reason
    assert compatibility(contract, narrowed(contract, version=2)).outcome == "passed"


def test_of_many_changes_that_break_callers_three_are_told_and_the_rest_are_counted(contract):
    def ranged(most, names="abcde"):
        features = tuple(msgspec.structs.replace(contract.features[0], name=name, max=most) for name in names)
        return msgspec.structs.replace(contract, features=features)

    verdict = compatibility(ranged(6000), ranged(100))
    assert "; and 2 more; raise model.version" in verdict.reason
    assert verdict.figures["breaking"] == 5
    assert "more;" not in compatibility(ranged(6000, "abc"), ranged(100, "abc")).reason


def test_where_it_listens_does_not_change_what_was_rehearsed(contract):
    def digest(**changes):
        serving = msgspec.structs.replace(contract.serving, **changes)
        return msgspec.structs.replace(contract, serving=serving).serving_digest

    assert digest(port=1, host="::1") == contract.serving_digest
    assert digest(rate=101.0) != contract.serving_digest
    assert narrowed(contract).serving_digest != contract.serving_digest
