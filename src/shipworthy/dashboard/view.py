"""What the page and `status` show, as frozen records. Instants are ns since 1970, UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

MarkKind = Literal["alarm", "released", "held", "broken input", "failed", "rolled back", "quality fell"]


class CheckView(msgspec.Struct, frozen=True):
    """One check of a release's evidence."""

    check: str
    outcome: str
    reason: str


class ReleaseView(msgspec.Struct, frozen=True):
    """A release and the evidence it shipped with."""

    number: int
    run: str
    proven: bool
    rung: str  # reached by the rebuild; "not rebuilt" where there was none
    at: int
    checks: tuple[CheckView, ...]
    since: str = ""  # of an unproven one: the training that was attached and makes it again
    retired: str = ""  # by whom and why; "" where it is not
    sandbox: str = "not recorded"  # what held its training to the declared inputs; "off"
    signed: str = ""  # who signed its run and its rebuild as they were made, in words


class EvidenceView(msgspec.Struct, frozen=True):
    """The evidence of drift in one payoff after one window."""

    window: int
    release: int
    payoff: str
    strength: float  # log10 of the Shiryaev-Roberts mixture
    threshold: float  # log10 of what makes it an alarm
    distance: float  # total variation from the reference


class QualityView(msgspec.Struct, frozen=True):
    """The contract's metric on one window: on its labelled rows, and estimated without labels."""

    window: int
    release: int
    value: float | None  # None: too few labels, or none
    rows: int  # labelled
    estimated: float | None = None
    estimated_error: float | None = None  # standard error


class SliceView(msgspec.Struct, frozen=True):
    """The contract's metric where a feature has one value, over the newest windows."""

    feature: str
    value: str
    rows: int
    labelled: int
    quality: float | None
    error: float | None
    estimated: float | None
    estimated_error: float | None
    held_out: float | None
    cannot_judge: str  # why labels do not judge it; "" where they do


class Mark(msgspec.Struct, frozen=True):
    """Something that happened at a moment of the model's own time."""

    at: int
    kind: MarkKind
    words: str
    release: int | None = None


class TrafficView(msgspec.Struct, frozen=True):
    """Traffic in one interval."""

    at: int
    rate: float  # requests a second
    p50_ms: float | None
    p99_ms: float | None
    refused: float  # a second: violations and overload


RoleState = Literal["works", "ended", "never", "silent", "failing"]


class RoleView(msgspec.Struct, frozen=True):
    """Whether one of record, watch and refresh works."""

    role: str
    state: (
        RoleState  # ended: in order; silent: it should work, and gives no sign; failing: it ends and is started again
    )
    at: int | None  # its newest sign
    words: str
    silent_seconds: float  # since its newest sign, where it is silent; else 0

    @property
    def wrong(self) -> bool:
        """Whether it should work, and does not."""
        return self.state in ("silent", "failing")


class DiskView(msgspec.Struct, frozen=True):
    """Room on the disk that log and tables lie on."""

    free: int  # bytes
    size: int  # bytes
    nearly_full: bool
    words: str


class RecorderView(msgspec.Struct, frozen=True):
    """How far recording is behind."""

    rows: int  # about; exact while they are few
    bytes: int
    seconds: float  # that the oldest answer has waited
    limit: float  # seconds that it may


class LabelsView(msgspec.Struct, frozen=True):
    """Labels as the watch joined them last."""

    known: int
    unmatched: int  # of them, those that name no recorded prediction
    examples: tuple[str, ...]  # some of those keys
    newest: int | None  # when the newest became known; None: not told
    words: str

    @property
    def doubtful(self) -> bool:
        """Whether they are not as they should be: none is known, or some name nothing."""
        return bool(self.unmatched) or not self.known


class ShadowWindow(msgspec.Struct, frozen=True):
    """How a shadow compares with the release that answered, in one window."""

    window: int
    release: int
    rows: int
    differing: float | None  # share of the rows that both answered
    p99: float  # distance of scores that 99% of rows do not exceed


class ShadowView(msgspec.Struct, frozen=True):
    """A release that predicts what the live one answers, and answers nobody."""

    release: int
    since: int
    runs: bool  # it is the shadow now; else it was
    rows: int  # that live releases answered meanwhile, and it has read
    answered: int  # by it, too
    refused: int  # by its contract
    failed: int  # where it raised
    missed: int  # that were gone before it read them
    differing: float | None  # share of answered: another class, or further apart than the gate's tolerance
    median: float  # distance of scores
    p99: float
    largest: float
    higher: int  # rows with a score above the live one's
    lower: int
    us_per_row: float | None  # its prediction, in batches; None before the first
    error: str  # one that it raised
    behind_bytes: int  # of the log
    behind_seconds: float
    behind_rows: int  # about; exact while they are few
    windows: tuple[ShadowWindow, ...]  # oldest first


class AlertView(msgspec.Struct, frozen=True):
    """One alert and whether it arrived."""

    at: int
    title: str
    state: str  # of the channel that is worst off: pending, failed or delivered
    phase: str = "resolved"  # open, acknowledged, silenced or resolved
    cause: str = ""
    waiting: tuple[str, ...] = ()  # channels that have not taken it, with the reason


class CountingView(msgspec.Struct, frozen=True):
    """How evidence against one payoff is counted, so that the reference keeps the promise against itself."""

    payoff: str
    drift: float  # share of rows that may move
    words: str  # how, and why

    @property
    def how(self) -> str:
        """Without the reason."""
        return self.words.partition(":")[0]


def compared_with(what: str) -> str:
    """What a release's windows are compared with, in a sentence; "" where that is its training history."""
    return f"features are compared with {what}, answers with those to the rows held out" if what else ""


class StatusView(msgspec.Struct, frozen=True):
    """Everything of one model on one page."""

    model: str
    decision: str
    owner: str
    metric: str
    sla: str
    enforcement: str
    live: ReleaseView | None
    previous: int | None
    releases: tuple[ReleaseView, ...]  # newest first
    evidence: tuple[EvidenceView, ...]
    quality: tuple[QualityView, ...]
    marks: tuple[Mark, ...]  # oldest first
    alerts: tuple[AlertView, ...]  # newest first
    waivers: tuple[str, ...]
    promise: str  # what monitoring holds to, in plain words
    newest: int | None  # how far the model's own time has come
    running: str  # who holds the state: "process 123 since …", or "nobody: `shipworthy up` starts it"
    waiting: tuple[str, ...] = ()  # what trackers have not been told, a line each
    refreshing: str = ""  # the refresh under way, in plain words
    shadow: ShadowView | None = None  # only while there is one
    recorder: RecorderView | None = None  # None: not asked
    counting: tuple[CountingView, ...] = ()  # of the live release
    compared: str = ""  # what its features are compared with, where that is not the training history
    quality_words: tuple[str, ...] = ()  # what is known of the live release's quality, a sentence each
    slices: tuple[SliceView, ...] = ()  # of the live release, over its newest windows
    labels: LabelsView | None = None  # None: nobody has watched yet
    closing: str = ""  # which windows of the live release wait, and for what; "" where none does
    skew: str = ""  # what the watch's newest look at training/serving skew found; "" before the first
    roles: tuple[RoleView, ...] = ()
    disk: DiskView | None = None  # None: not asked
    kept: str = ""  # where ledger and objects are, without secrets

    @property
    def compared_words(self) -> str:
        """`compared` in a sentence."""
        return compared_with(self.compared)
