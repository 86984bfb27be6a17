"""The watch: evidence for every closed window, quality for every labelled one, and alarms, each in the ledger once.

What a step writes follows from what the ledger and the tables hold, and carries a key, so that a watch which was killed
goes on where it stopped and says nothing twice. An alarm stands in the same transaction as the evidence that raised it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
from deltalake.exceptions import DeltaError

from shipworthy.contract.records import Contract
from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts, first_open
from shipworthy.monitoring import alarming, rearming
from shipworthy.monitoring.basis import Basis
from shipworthy.monitoring.closing import closed_windows, newest_event_time, releases
from shipworthy.monitoring.effect import with_effect
from shipworthy.monitoring.examples import examples
from shipworthy.monitoring.following import Followed, Following, log10
from shipworthy.monitoring.label_standing import LabelStanding
from shipworthy.monitoring.labelled import Labelled
from shipworthy.monitoring.labels import known_labels
from shipworthy.monitoring.performance import Decline, begun, declines
from shipworthy.monitoring.promise import sharing
from shipworthy.monitoring.records import Alarm, AlarmCause, Quality, WindowEvidence
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger


@dataclass(frozen=True, slots=True)
class Facts:
    """What the watch asks others, by release number. Each may change while the watch runs."""

    reference_of: Callable[[int], Reference | None]  # None: nothing of it is watched
    basis_of: Callable[[int], Basis | None] = lambda _: None  # what quality is held against; None: it is not measured
    live: Callable[[], Collection[int]] | None = None  # releases that alarms are raised for; None: all of them
    answered: Callable[[], Mapping[str, int]] = dict  # alarm's id -> event time (ns) at which its refresh ended


@dataclass(slots=True)
class _Watched:
    """What the watch remembers of a release. All of it follows from the ledger."""

    following: Following
    written: set[int]  # windows whose evidence is in the ledger
    windows: list[tuple[int, Counts]] = field(default_factory=list)
    standing: list[tuple[int, float]] = field(default_factory=list)  # (end, log10 over the threshold)
    requests: list[tuple[int, float]] = field(default_factory=list)  # the same of the rates that the contract bounds


class Watch:
    """Watches one model. One process at a time; a second one would write nothing wrong, but everything in vain."""

    def __init__(self, layout: Layout, ledger: Ledger, contract: Contract, facts: Facts) -> None:
        self._ledger, self._contract, self._model, self._facts = ledger, contract, contract.name, facts
        self._layout, self._lateness = layout, contract.monitoring.lateness
        self._releases: dict[int, _Watched] = {}
        self._qualities: dict[tuple[int, int], Quality] | None = None  # newest of each release and window
        self._labelled = self._join()
        self._weighed = False  # whether what the ledger held of quality at the start has been held against the promise

    def step(self) -> list[Entry]:
        """Look at what has closed or become known since; returns the alarms that are new (kind "alarm").

        One that was written by a watch that was killed is in the ledger, and is not returned again.
        """
        try:
            changed = self._step_quality_first()
            return [*self._step_drift(), *self._step_performance(changed)]
        except BaseException:
            # What is remembered may be ahead of what was written: begin again from the ledger.
            self._releases, self._qualities, self._labelled, self._weighed = {}, None, self._join(), False
            raise

    def over(self, id_: str) -> str:
        """Why an alarm, by the id of its record, is so no longer; "" while it is."""
        alarm = self._ledger.get(id_).decode(Alarm)
        if not self._is_live(alarm.release):
            return f"release {alarm.release} is not live any more"
        if rearming.over(self._standing(alarm.release, alarm.cause), alarm.event_time, rearming.FALLEN):
            return "the evidence has fallen far below what raises an alarm"
        return ""

    @property
    def labels(self) -> LabelStanding:
        """Labels that are known, and those of them that name no recorded prediction."""
        return self._labelled.standing

    def event_time(self) -> int | None:
        """How far the model's own time has come, ns; None before any prediction was recorded."""
        return newest_event_time(self._ledger, self._model)

    def sharing(self, release: int) -> int:
        """How many things share the promise on a release's false alarms."""
        return sharing(self._facts.reference_of(release), self._contract)

    def _join(self) -> Labelled:
        known = known_labels(self._contract, self._layout)
        return Labelled(known, self._layout.predictions(self._model), self._facts.basis_of, self._window_of)

    def _step_drift(self) -> list[Entry]:
        newest = self.event_time()
        if newest is None:
            return []
        alarms: list[Entry] = []
        for release in releases(self._ledger, self._model):
            watched = self._watched(release)
            if watched is None:
                continue
            after = watched.windows[-1][0] if watched.windows else None
            reference = watched.following.reference
            for start, counts in closed_windows(
                self._ledger, self._model, release, reference, newest, self._lateness, after
            ):
                alarms += self._follow(watched, start, counts)
        return alarms

    def _watched(self, release: int) -> _Watched | None:
        if release not in self._releases:
            reference = self._facts.reference_of(release)
            if reference is None:
                return None
            known = self._ledger.entries("evidence", self._model, subject=_subject(release))
            monitoring = self._contract.monitoring
            self._releases[release] = _Watched(
                Following(release, reference, monitoring, sharing(reference, self._contract), begins_within=True),
                {entry.decode(WindowEvidence).window for entry in known},
            )
        return self._releases[release]

    def _window_of(self, release: int) -> int | None:
        watched = self._watched(release)
        return None if watched is None else watched.following.reference.window

    def _follow(self, watched: _Watched, start: int, counts: Counts) -> list[Entry]:
        followed = watched.following.follow(start, counts)
        watched.windows.append((start, counts))
        watched.standing.append((followed.evidence.end, followed.evidence.standing))
        watched.requests.append((followed.evidence.end, followed.evidence.rates_standing))
        if start in watched.written:
            return []
        alarms = [self._drift_alarm(watched, followed), self._requests_alarm(watched, followed)]
        return self._write(followed.evidence, [alarm for alarm in alarms if alarm is not None])

    def _drift_alarm(self, watched: _Watched, followed: Followed) -> Alarm | None:
        release = watched.following.release
        verdict = self._verdict(release, "drift", watched.standing)
        if verdict == "quiet":
            return None
        reference = watched.following.reference
        alarm = alarming.of_drift(followed, reference, watched.windows, repeated=verdict == "again")
        rows = examples(self._layout.predictions(self._model), reference, watched.windows, alarm)
        return self.with_effect(msgspec.structs.replace(alarm, examples=tuple(rows)))

    def with_effect(self, alarm: Alarm) -> Alarm:
        """The alarm with what quality did since it began."""
        basis = self._facts.basis_of(alarm.release)
        return with_effect(alarm, self._of_release(alarm.release), None if basis is None else basis.promised)

    def _requests_alarm(self, watched: _Watched, followed: Followed) -> Alarm | None:
        verdict = self._verdict(watched.following.release, "requests", watched.requests)
        return (
            None if verdict == "quiet" else self.with_effect(alarming.of_rates(followed, repeated=verdict == "again"))
        )

    def _write(self, evidence: WindowEvidence, alarms: Sequence[Alarm]) -> list[Entry]:
        subject, key = _subject(evidence.release), f"{evidence.release}:{evidence.window}"
        with self._ledger.transaction() as connection:
            self._ledger.append("evidence", self._model, evidence, subject=subject, key=key, connection=connection)
            return [
                self._ledger.append(
                    "alarm", self._model, alarm, subject=subject, key=f"{key}:{alarm.cause}", connection=connection
                )
                for alarm in alarms
            ]

    def _verdict(self, release: int, cause: AlarmCause, standing: Sequence[tuple[int, float]]) -> rearming.Verdict:
        if standing[-1][1] < 0 or not self._is_live(release):
            return "quiet"
        answered = self._facts.answered()
        raised = [
            rearming.Raised(alarm.event_time, answered.get(entry.id))
            for entry in self._ledger.entries("alarm", self._model, subject=_subject(release))
            if (alarm := entry.decode(Alarm)).cause == cause
        ]
        return rearming.verdict(standing, raised, self._contract.retraining.wait, rearming.FALLEN)

    def _standing(self, release: int, cause: AlarmCause) -> Sequence[tuple[int, float]]:
        watched = self._watched(release)
        if watched is None:
            return ()
        if cause != "performance":
            return watched.standing if cause == "drift" else watched.requests
        return _over_threshold(self._declines(release), watched)

    def _declines(self, release: int) -> list[Decline]:
        """Evidence that the release has become worse than on the rows held out; [] where nothing is known of that."""
        allowed, basis = self._contract.monitoring.performance, self._facts.basis_of(release)
        if allowed is None or basis is None or basis.promised is None:
            return []
        return declines(basis.metric, self._settled(release), basis.promised, allowed)

    def _is_live(self, release: int) -> bool:
        return self._facts.live is None or release in self._facts.live()

    def _step_quality_first(self) -> set[int]:
        """Quality, so that an alarm of drift can speak of it; but none waits for a table that cannot be read."""
        try:
            return self._step_quality()
        except (OSError, DeltaError, pa.ArrowException):
            self._step_drift()
            raise

    def _step_quality(self) -> set[int]:
        """Write down what is new of quality; the releases that it is about."""
        known = self._known_qualities()
        # A watch that was killed may have written what it had not yet weighed.
        changed = set() if self._weighed else {release for release, _ in known}
        newest = self.event_time()

        def open_from(release: int) -> int | None:
            length = self._window_of(release)
            return None if newest is None or length is None else first_open(newest, length, self._lateness)

        answered = releases(self._ledger, self._model)
        for quality in self._labelled.step(answered, open_from, known):
            place = (quality.release, quality.window)
            if place in known and _same(known[place], quality):
                continue
            known[place] = quality
            changed.add(quality.release)
            key = f"{quality.release}:{quality.window}:{quality.labels}"
            self._ledger.append_once("quality", self._model, quality, subject=_subject(quality.release), key=key)
        return changed

    def _step_performance(self, changed: Collection[int]) -> list[Entry]:
        alarms = [alarm for release in sorted(changed) for alarm in self._performance_alarm(release)]
        self._weighed = True
        return alarms

    def _known_qualities(self) -> dict[tuple[int, int], Quality]:
        if self._qualities is None:
            oldest_first = reversed(self._ledger.entries("quality", self._model))
            decoded = (entry.decode(Quality) for entry in oldest_first)
            self._qualities = {(quality.release, quality.window): quality for quality in decoded}
        return self._qualities

    def _performance_alarm(self, release: int) -> list[Entry]:
        basis, watched, evidence = self._facts.basis_of(release), self._watched(release), self._declines(release)
        if not evidence or basis is None or basis.promised is None or watched is None:
            return []
        verdict = self._verdict(release, "performance", _over_threshold(evidence, watched))
        if verdict == "quiet":
            return []
        newest, threshold = evidence[-1], watched.following.log_threshold
        quality = self._known_qualities()[release, newest.window]
        repeated, since = verdict == "again", begun(evidence)
        alarm = alarming.of_decline(quality, newest, basis.promised, since, threshold, repeated=repeated)
        key = f"{release}:{newest.window}:performance"
        if self._ledger.by_key("alarm", self._model, key) is not None:
            return []
        alarm = self.with_effect(alarm)
        return [self._ledger.append_once("alarm", self._model, alarm, subject=_subject(release), key=key)]

    def _settled(self, release: int) -> list[Quality]:
        """Windows whose labels have come: those that end before the newest label became known, less lateness.

        Where labels do not say when, those before the newest labelled one. Earlier, only the quick outcomes are known.
        """
        known = [one for one in self._of_release(release) if one.labelled]
        newest = self._labelled.newest
        if newest is not None:
            return [one for one in known if one.end <= newest - self._lateness]
        return known[:-1]

    def _of_release(self, release: int) -> list[Quality]:
        """The newest figures of a release's windows, oldest window first."""
        its = (one for one in self._known_qualities().values() if one.release == release)
        return sorted(its, key=lambda one: one.window)


def _over_threshold(evidence: Sequence[Decline], watched: _Watched) -> list[tuple[int, float]]:
    """(end, log10 over the threshold) of each window with a figure of quality."""
    threshold = log10(watched.following.log_threshold)
    return [(one.end, log10(one.log_sum) - threshold) for one in evidence]


def _subject(release: int) -> str:
    return str(release)


def _same(one: Quality, other: Quality) -> bool:
    return msgspec.structs.replace(one, labels=other.labels) == other
