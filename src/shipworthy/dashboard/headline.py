"""How a model stands, in one line and a list: what somebody who was woken up has to know first. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from shipworthy.dashboard.view import EvidenceView, StatusView

Level = Literal["good", "look", "act"]
_PHASES: tuple[tuple[str, Level], ...] = (("open", "act"), ("acknowledged", "look"), ("silenced", "look"))


class Concern(msgspec.Struct, frozen=True):
    """One thing that is not as it should be. act: now; look: when there is time."""

    level: Level
    words: str


class Headline(msgspec.Struct, frozen=True):
    """How a model stands."""

    level: Level  # of the worst concern
    words: str
    concerns: tuple[Concern, ...]  # the worst first


def headline(view: StatusView) -> Headline:
    """What is to be said first."""
    concerns = tuple(sorted(_concerns(view), key=lambda concern: concern.level))  # "act" comes before "look"
    answers = f"@{view.live.number} is live" if view.live is not None else "nothing is live"
    act = sum(concern.level == "act" for concern in concerns)
    look = len(concerns) - act
    if act:
        return Headline("act", f"{answers}; {_things(act)} need{'s' * (act == 1)} somebody now", concerns)
    if look:
        return Headline("look", f"{answers}; {_things(look)} to look at when there is time", concerns)
    return Headline("good", f"{answers}, nothing needs anybody", ())


def newest_evidence(view: StatusView) -> tuple[EvidenceView, ...]:
    """What stands against the live release after its newest window, the strongest first."""
    newest: dict[str, EvidenceView] = {}
    for point in view.evidence:
        if view.live is not None and point.release == view.live.number:
            newest[point.payoff] = point
    return tuple(sorted(newest.values(), key=lambda point: -point.strength))


def _things(number: int) -> str:
    return "1 thing" if number == 1 else f"{number} things"


def _concerns(view: StatusView) -> Iterator[Concern]:
    if view.live is None:
        yield Concern("act", "nothing is live: `shipworthy ship` makes the first release")
    yield from _alerts(view)
    for role in view.roles:
        if role.wrong:
            yield Concern("act", role.words)
        elif role.state != "works":
            yield Concern("look", role.words)
    if view.disk is not None and view.disk.nearly_full:
        yield Concern("act", view.disk.words)
    if view.recorder is not None and view.recorder.seconds > view.recorder.limit:
        behind = view.recorder
        yield Concern("act", f"recording is {behind.seconds:,.0f} s behind, and may be {behind.limit:,.0f} s")
    if view.live is not None and not view.live.proven:
        yield Concern("look", f"@{view.live.number} is UNPROVEN: it was released without the whole proof")
    if view.enforcement != "block":
        yield Concern("look", f"the gate only {view.enforcement}s, and stops nothing")
    yield from (Concern("look", words) for words in (*view.waivers, *view.waiting))
    if view.labels is not None and view.labels.doubtful:
        yield Concern("look", view.labels.words)


def _alerts(view: StatusView) -> Iterator[Concern]:
    """One a cause: of a dozen alerts of drift each says nearly the same."""
    for phase, level in _PHASES:
        causes: dict[str, list[str]] = {}
        for alert in view.alerts:
            if alert.phase == phase:
                causes.setdefault(alert.cause, []).append(alert.title)
        for titles in causes.values():
            more = f" (and {len(titles) - 1} more of that cause)" if len(titles) > 1 else ""
            yield Concern(level, f"{phase} alert: {titles[0]}{more}")
    undelivered = [channel for alert in view.alerts for channel in alert.waiting]
    if undelivered:
        more = f", and {len(undelivered) - 1} more" if len(undelivered) > 1 else ""
        yield Concern("act", f"an alert has not arrived: {undelivered[0]}{more}")
