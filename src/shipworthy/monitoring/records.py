"""What watching leaves in the ledger: evidence and quality by window, and alarms. Instants are ns since 1970, UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

from shipworthy.contract.records import Metric, Value
from shipworthy.counts.reference import Origin

AlarmCause = Literal["drift", "performance", "requests", "skew"]
LossKind = Literal["mistakes", "brier", "absolute error"]

VERSION = 1
LEAST_LOG10 = -99.0  # stands for evidence of nothing at all, whose logarithm JSON could not hold


class PayoffEvidence(msgspec.Struct, frozen=True):
    """One payoff after one window."""

    payoff: str
    origin: Origin
    strength: float  # log10 of the Shiryaev-Roberts mixture
    product: float  # log10 of the product that never restarts
    distance: float  # total variation between the window and the reference
    stability: float  # population stability index (PSI)
    divergence: float  # Jensen-Shannon distance, base 2
    steps: float | None  # Kolmogorov-Smirnov distance, for payoffs in value order
    missing: float  # share of rows without a value
    unseen: float  # share of rows in bins that the reference has nothing in


class RateEvidence(msgspec.Struct, frozen=True):
    """A rate that the contract bounds, after one window."""

    rate: Literal["refused", "flagged", "slow"]
    bad: int  # of the window
    of: int
    bound: float  # share that is promised
    strength: float  # log10 of the Shiryaev-Roberts mixture


class WindowEvidence(msgspec.Struct, frozen=True):
    """Ledger kind "evidence", key "<release>:<window>": where the model stands after a closed window."""

    version: int
    release: int
    window: int  # start
    end: int
    rows: int
    late: int  # of them, rows whose own window had closed before they came
    counts: str  # digest of the window's counts: what this is a function of
    payoffs: tuple[PayoffEvidence, ...]
    threshold: float  # log10 of what one payoff alone needs for an alarm
    standing: float  # log10 of the evidence over its threshold, payoffs taken together; alarms at 0
    alarming: tuple[str, ...]  # payoffs that the evidence speaks against, the strongest first
    confirmed: tuple[str, ...]  # payoffs whose product confirms a drift (e-BH)
    violations: dict[str, int]  # feature -> values outside the contract that were let through
    refused: dict[str, int]  # feature -> requests refused for it
    rates: tuple[RateEvidence, ...] = ()  # those that the contract bounds
    rates_standing: float = LEAST_LOG10  # log10 of their evidence over the threshold; alarms at 0
    weighed: bool = True  # False: the release began to answer within it, and nothing is concluded from a part of one
    reference: str = ""  # digest of reference.json, which this was held against; "": not said before there was a choice


class MovedBin(msgspec.Struct, frozen=True):
    """One bin whose share changed."""

    bin: str  # in words
    before: float  # share of the reference
    after: float  # share of the rows since the drift began


class Moved(msgspec.Struct, frozen=True):
    """One payoff that an alarm speaks of."""

    payoff: str
    origin: Origin
    strength: float  # log10 of the evidence
    since: int  # start of the window from which on the evidence has been growing
    distance: float  # total variation between the reference and the rows since then
    drift: float  # total variation that was allowed
    bets: Literal["row", "window"]
    bins: tuple[MovedBin, ...]  # those that moved most


class ExplainedBin(msgspec.Struct, frozen=True):
    """What one bin adds to a feature's change: (share now - share before) x (its mean score - the mean of all)."""

    bin: str  # in words
    before: float  # share of the reference
    after: float  # share of the rows since the drift began
    score: float  # mean score of its rows since then
    change: float  # of the mean score


class Explained(msgspec.Struct, frozen=True):
    """How much of the output's change the shift of one feature goes with. An attribution, not a cause."""

    feature: str
    change: float  # of the mean score (of the mean prediction for a regression)
    bins: tuple[ExplainedBin, ...] = ()  # those that add most


class Example(msgspec.Struct, frozen=True):
    """One prediction out of the bin that grew most, as the table held it when the alarm was raised."""

    prediction: str  # its id
    id: str | None  # the caller's own
    payoff: str  # what moved
    bin: str  # in words
    answer: float | None  # score, or the prediction of a regression
    values: dict[str, Value | None]  # of the features that moved; instants in ISO 8601


class FeatureSkew(msgspec.Struct, frozen=True):
    """One feature that differed, and the first row that shows it."""

    feature: str
    rows: int  # compared
    differing: int
    id: str  # of that row: the caller's
    prediction: str  # and the prediction's
    training: Value | None  # instants in ISO 8601
    served: Value | None


class LostSlice(msgspec.Struct, frozen=True):
    """The slice that lost most quality."""

    feature: str
    value: str
    before: float  # the metric; on the rows held out where no window before says
    since: float
    by: Literal["labels", "estimate"]
    rows: int  # that `since` is of


class Effect(msgspec.Struct, frozen=True):
    """What quality did since a drift or a decline began: means of windows, by rows."""

    metric: Metric
    estimated_before: float | None  # on the rows held out where no window before says
    estimated_since: float | None  # None: nothing is estimated
    estimated_error: float | None  # standard error
    labelled_before: float | None
    labelled_since: float | None  # None: no labels yet
    labelled_share: float  # of the rows since then
    slice: LostSlice | None  # None: none surely lost
    words: str


class Alarm(msgspec.Struct, frozen=True):
    """Ledger kind "alarm", key "<release>:<window>:<cause>": the statistics have spoken."""

    version: int
    cause: AlarmCause
    release: int
    window: int  # start of the window that raised it
    event_time: int  # its end
    since: int  # when it seems to have begun
    strength: float  # log10 of the strongest evidence
    threshold: float  # log10 of what it had to reach
    words: str  # one sentence
    moved: tuple[Moved, ...] = ()  # of cause "drift": the strongest first
    explained: tuple[Explained, ...] = ()  # moved features, the one that explains most of the change first
    score_change: float | None = None  # mean score since then, less that of the rows held out
    confirmed: bool = False  # the tier that never restarts says so too
    repeated: bool = False  # raised before for this release; the refresh that answered it did not end it
    unexplained: float | None = None  # score_change less all that is explained; None where either is not known
    examples: tuple[Example, ...] = ()  # rows of the bins that grew most; () for performance
    rates: tuple[RateEvidence, ...] = ()  # above their bounds, the strongest first; of cause "requests" alone
    skewed: tuple[FeatureSkew, ...] = ()  # of cause "skew": features that differed, the one with most rows first
    quality: Effect | None = None  # what quality did since then; None: neither labels nor estimates say


class Reached(msgspec.Struct, frozen=True):
    """One channel that the alert of a drill went to."""

    channel: str
    arrived: bool
    reason: str  # why it did not


class Drill(msgspec.Struct, frozen=True):
    """Ledger kind "drill", subject whose reference it was: what came of a drift that was made up."""

    version: int
    settings: str  # digest of [monitoring]
    subject: str  # "flight-delay@3", a run's id, or "stand-in"
    payoff: str  # what was moved
    share: float  # of the rows that were moved
    windows: int | None  # until the alarm; None: there was none
    alert: str  # its id
    channels: tuple[Reached, ...]  # the log first


class Estimate(msgspec.Struct, frozen=True):
    """What the metric would be, by the scores and inputs alone."""

    value: float | None  # None: it cannot be said
    error: float | None  # standard error
    outside: float  # share of rows whose answers lie beyond those held out: there it guesses


class Loss(msgspec.Struct, frozen=True):
    """The loss of labelled rows in [0, 1], with an interval that holds at any time, however often anybody looks."""

    kind: LossKind
    scale: float  # what 1 stands for, in the label's own unit; 1.0 for a classification
    rows: int
    mean: float
    spread: float  # sum of squared distances from the guesses: what the interval is made from; windows' add up
    low: float  # 95% sure
    high: float
    beyond: int  # rows whose loss was larger than scale, and counts as 1
    held_out: float | None  # mean loss of the rows held out


class SliceQuality(msgspec.Struct, frozen=True):
    """Quality among the rows that have one value of a feature."""

    feature: str
    value: str
    rows: int
    labelled: int
    quality: float | None  # the metric on the labelled rows
    error: float | None  # None: too few rows for one, so that nothing can be judged by it
    estimated: Estimate | None
    held_out: float | None  # the metric on such rows held out, window by window


class Quality(msgspec.Struct, frozen=True):
    """Ledger kind "quality", key "<release>:<window>:<labels>": the gate's metric on a window's rows."""

    version: int
    release: int
    window: int  # start
    end: int
    metric: Metric
    value: float | None  # on the labelled rows; None: it has no value on them, e.g. one class only
    labelled: int  # rows
    rows: int  # predictions of the window, labelled or not
    labels: str  # versions of the tables of labels and of predictions that were joined
    error: float | None  # standard error of the value (jackknife over groups of rows); None without one
    estimated: Estimate | None = None  # without labels, on all rows; None: the release keeps nothing to learn it from
    loss: Loss | None = None  # None: no labels, or nothing that bounds it
    slices: tuple[SliceQuality, ...] = ()  # those of [monitoring] slices, the heaviest first
    unknown: int = 0  # labels that are none of the model's classes, or no number: left out
