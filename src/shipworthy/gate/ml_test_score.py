"""The ML Test Score (Breck, Cai, Nielsen, Salib, Sculley, IEEE Big Data 2017), from evidence alone.

28 tests in four sections; 1 for one that is automated, 0.5 for one done by hand and written down, 0 for one that is
absent; a section is the sum of its tests, the score is the smallest section, at most 7. What shipworthy has no evidence
for counts as absent, also where a team may do it elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from shipworthy.contract.records import Contract
from shipworthy.registry.records import Verdict

Section = Literal["data", "model", "infrastructure", "monitoring"]
Rule = Callable[["Evidence"], tuple[float, str]]

SECTIONS: tuple[Section, ...] = ("data", "model", "infrastructure", "monitoring")


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a model and the run that is judged."""

    contract: Contract
    verdicts: dict[str, Verdict]  # by check, waivers not applied
    commit: str | None = None  # of the run's code
    dirty: bool | None = None  # whether the code differed from that commit
    watched_windows: int = 0  # closed windows of production that were held against the reference
    labelled_windows: int = 0  # windows for which the truth came back and the gate's metric was computed
    previous: bool = False  # a previous release stands ready
    rollbacks: int = 0  # done so far

    def passed(self, check: str) -> bool:
        """Whether a check has passed by itself."""
        verdict = self.verdicts.get(check)
        return verdict is not None and verdict.outcome == "passed"

    def figure(self, check: str, name: str) -> float | str | None:
        """A figure of a check's verdict."""
        verdict = self.verdicts.get(check)
        return None if verdict is None else verdict.figures.get(name)


class Test(msgspec.Struct, frozen=True):
    """One of the 28, and what it got."""

    section: Section
    name: str
    credit: float  # 0, 0.5 or 1
    reason: str


class Score(msgspec.Struct, frozen=True):
    """The whole score sheet."""

    tests: tuple[Test, ...]
    sections: dict[str, float]  # sum of credits, at most 7 each
    score: float  # the smallest section
    meaning: str


def ml_test_score(evidence: Evidence) -> Score:
    """The score that the evidence supports."""
    tests = tuple(Test(section, name, *rule(evidence)) for section, name, rule in _TESTS)
    sections: dict[str, float] = {
        section: sum(test.credit for test in tests if test.section == section) for section in SECTIONS
    }
    score = min(sections.values())
    return Score(tests, sections, score, _meaning(score))


def _meaning(score: float) -> str:
    """How the paper reads a score, in our words."""
    readings = (
        (0, "a research project rather than a product"),
        (1, "not untested, but expect serious holes"),
        (2, "a first step towards production; more is needed"),
        (3, "reasonably tested; more of it could be automated"),
        (5, "strongly tested and monitored"),
    )
    return next((words for limit, words in readings if score <= limit), "exceptional")


def _absent(why: str) -> Rule:
    return lambda _evidence: (0.0, why)


def _if_passed(check: str, reason: str) -> Rule:
    """Automated where a check of the gate has passed."""

    def rule(evidence: Evidence) -> tuple[float, str]:
        return (1.0, reason) if evidence.passed(check) else (0.0, f"the check {check} has not passed")

    return rule


def _checked_in(evidence: Evidence) -> tuple[float, str]:
    if evidence.commit is None:
        return 0.0, "the code is in no version control that was found"
    if evidence.dirty:
        return 0.0, f"the code differed from commit {evidence.commit[:12]}"
    return 0.5, f"commit {evidence.commit[:12]}, nothing changed beside it; whether it was reviewed is not known"


def _offline_online(evidence: Evidence) -> tuple[float, str]:
    if not evidence.labelled_windows:
        return 0.0, "no truth has come back for live predictions"
    metric = evidence.contract.gate.metric
    return (
        0.5,
        f"{metric} at the gate and live, over {evidence.labelled_windows} windows; not the effect on the decision",
    )


def _staleness(evidence: Evidence) -> tuple[float, str]:
    if not evidence.passed("quality") or evidence.figure("quality", "live") is None:
        return 0.0, "no older release was measured on newer rows"
    return 1.0, "the live release and a newer one are measured on the same newest rows at every gate"


def _simpler_model(evidence: Evidence) -> tuple[float, str]:
    if not evidence.passed("quality"):
        return 0.0, "the check quality has not passed"
    baseline = evidence.contract.purpose.baseline
    if baseline == "prior":
        return 0.5, "better than the prior, which is the least of baselines; a simple model was not tried"
    return 1.0, f"better than {baseline!r} at every gate"


def _before_serving(evidence: Evidence) -> tuple[float, str]:
    if not evidence.passed("quality"):
        return 0.0, "the check quality has not passed"
    if evidence.contract.gate.enforcement != "block":
        return 0.5, f"quality is measured at every gate, which only {evidence.contract.gate.enforcement}s"
    return 1.0, "the gate measures quality and blocks"


def _integration(evidence: Evidence) -> tuple[float, str]:
    needed = ("data", "quality", "rebuild", "latency", "runtime")
    missing = [check for check in needed if not evidence.passed(check)]
    if missing:
        return 0.0, f"not all of the way from data to answers has passed: {', '.join(missing)}"
    return 1.0, "data, training, rebuild and the real server with the real model, at every gate"


def _rollback(evidence: Evidence) -> tuple[float, str]:
    if evidence.rollbacks:
        return 1.0, f"rolled back {evidence.rollbacks} time(s)"
    if evidence.previous:
        return 0.5, "a previous release stands ready, and was never gone back to"
    return 0.0, "there is no previous release to go back to"


def _invariants(evidence: Evidence) -> tuple[float, str]:
    if not evidence.watched_windows:
        return 0.0, "no window of production has closed"
    return 1.0, f"every request is held against the contract, violations counted in {evidence.watched_windows} windows"


def _skew(evidence: Evidence) -> tuple[float, str]:
    if not evidence.watched_windows or not evidence.passed("reference"):
        return 0.0, "no window of production was held against a reference of the training data"
    rows = evidence.figure("skew", "rows")
    same = f"; {rows:,.0f} rows found again in the training source" if isinstance(rows, int | float) and rows else ""
    if same and not evidence.passed("skew"):
        return 0.0, "rows that were served are not those of the training source"
    return 1.0, f"{evidence.watched_windows} windows held against the training data, by one list of features{same}"


def _not_stale(evidence: Evidence) -> tuple[float, str]:
    retraining = evidence.contract.retraining
    if "schedule" in retraining.on and retraining.schedule:
        return 1.0, "a refresh is due by the calendar"
    return 0.0, "[retraining] has no schedule, so that nothing limits the model's age"


def _compute(evidence: Evidence) -> tuple[float, str]:
    if not evidence.passed("latency"):
        return 0.0, "the check latency has not passed"
    return 0.5, "latency and throughput at every gate; training speed and memory are not compared"


def _live_quality(evidence: Evidence) -> tuple[float, str]:
    if not evidence.labelled_windows:
        return 0.0, "no truth has come back for live predictions"
    return 1.0, f"{evidence.contract.gate.metric} of {evidence.labelled_windows} windows of live predictions"


_TESTS: tuple[tuple[Section, str, Rule], ...] = (
    (
        "data",
        "feature expectations are written in a schema",
        _if_passed("data", "the contract, held at every training"),
    ),
    ("data", "all features are beneficial", _absent("features are not left out one by one")),
    ("data", "no feature costs too much", _absent("the cost of single features is not measured")),
    ("data", "features keep to rules of their own", _absent("there are no rules about where features may come from")),
    ("data", "the pipeline protects privacy", _absent("access to data is not looked at")),
    ("data", "new features can be added quickly", _absent("it is not measured how long that takes")),
    ("data", "code that makes features is tested", _absent("a project's own tests are not run")),
    ("model", "the specification is reviewed and checked in", _checked_in),
    ("model", "offline and online metrics correlate", _offline_online),
    ("model", "hyperparameters are tuned", _absent("no search over parameters is recorded")),
    ("model", "the effect of staleness is known", _staleness),
    ("model", "a simpler model is not better", _simpler_model),
    ("model", "quality holds on important slices", _absent("quality is not measured by slice")),
    ("model", "the model was tested for inclusion", _absent("fairness is not measured")),
    ("infrastructure", "training is reproducible", _if_passed("rebuild", "made again from its record at every gate")),
    ("infrastructure", "the specification has unit tests", _absent("a project's own tests are not run")),
    ("infrastructure", "the whole pipeline is tested", _integration),
    ("infrastructure", "quality is validated before serving", _before_serving),
    ("infrastructure", "single examples can be followed step by step", _absent("only the answer is shown, no steps")),
    ("infrastructure", "a canary comes before all traffic", _absent("no canary was run")),
    ("infrastructure", "serving can be rolled back", _rollback),
    ("monitoring", "changes of dependencies are notified", _absent("upstream changes are not subscribed to")),
    ("monitoring", "invariants hold for inputs", _invariants),
    ("monitoring", "training and serving are not skewed", _skew),
    ("monitoring", "models are not too stale", _not_stale),
    ("monitoring", "the model is numerically stable", _absent("answers that are no numbers are not counted")),
    ("monitoring", "computing has not become slower", _compute),
    ("monitoring", "quality has not become worse on served data", _live_quality),
)
