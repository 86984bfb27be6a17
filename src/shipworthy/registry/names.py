"""How people name things: `flight-delay@3`, `@live`, `@previous`, `latest`, or the beginning of an id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import get_args

from shipworthy import clock
from shipworthy.errors import NotFound, WrongUse
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.records import Alias
from shipworthy.store.ledger import Entry, Ledger

ALIASES: tuple[Alias, ...] = get_args(Alias)
LATEST = "latest"
SHORTEST = 4  # characters of a bare hexadecimal beginning
SHOWN = 5  # candidates in a message


def entry_of(ledger: Ledger, name: str, *, model: str | None = None, latest: str = "run") -> Entry:
    """The record that a name means. `model` fills in for names without one; `latest` is the kind of "latest".

    NotFound, with the names that come near, where there is none; WrongUse where it could mean several.
    """
    text = name.strip()
    if text == LATEST:
        return _latest(ledger, latest, _needed(model, name))
    if "@" in text:
        wanted, _, which = text.rpartition("@")
        return _release(ledger, _known(ledger, wanted) if wanted else _needed(model, name), which)
    return _by_beginning(ledger, text, model)


def run_of(ledger: Ledger, name: str, *, model: str | None = None) -> Entry:
    """The run that a name means: the run itself, or that of the release, verdict or rebuild that is named."""
    entry = entry_of(ledger, name, model=model, latest="run")
    if entry.kind == "run":
        return entry
    if entry.subject.startswith("run-"):
        return ledger.get(entry.subject)
    raise WrongUse(f"{name} is {_described(entry)}; expected a run or a release")


def release_of(ledger: Ledger, name: str, *, model: str | None = None) -> Entry:
    """The release that a name means: the release itself, or the one of the run that is named."""
    entry = entry_of(ledger, name, model=model, latest="release")
    if entry.kind == "release":
        return entry
    found = ledger.newest("release", entry.model, subject=entry.id) if entry.kind == "run" else None
    if found is None:
        raise NotFound(f"{name} is {_described(entry)}, which is not released; `shipworthy release {name}` does that")
    return found


def _latest(ledger: Ledger, kind: str, model: str) -> Entry:
    found = ledger.newest(kind, model)
    if found is None:
        raise NotFound(f"{model} has no {kind} yet")
    return found


def _release(ledger: Ledger, model: str, which: str) -> Entry:
    number: int | None
    if which.isdecimal():
        number = int(which)
    elif which == LATEST:
        return _latest(ledger, "release", model)
    else:
        number = Aliases(ledger).current(model, _alias(which))
        if number is None:
            raise NotFound(f"{model} has no {which} release yet{_existing(ledger, model)}")
    entry = ledger.by_key("release", model, str(number))
    if entry is None:
        raise NotFound(f"{model} has no release {number}{_existing(ledger, model)}")
    return entry


def _alias(which: str) -> Alias:
    for alias in ALIASES:
        if which == alias:
            return alias
    raise WrongUse(f"@{which}: expected a number, {LATEST}, {', '.join(ALIASES)}{_near(which, [*ALIASES, LATEST])}")


def _by_beginning(ledger: Ledger, text: str, model: str | None) -> Entry:
    if len(text) < SHORTEST:
        raise WrongUse(f"{text!r} is too short for the beginning of an id; give at least {SHORTEST} characters")
    found = ledger.matching(text, limit=SHOWN + 1)
    if not found:
        raise NotFound(
            f"nothing is called {text!r}: expected an id or its beginning, MODEL@NUMBER, @live, @previous or {LATEST}"
            + _near(text, _names(ledger, model))
        )
    if len(found) == 1 or found[0].id == text:
        return found[0]
    candidates = "\n".join(f"  {entry.id}, {_described(entry)}" for entry in found[:SHOWN])
    more = "\n  …" if len(found) > SHOWN else ""
    raise WrongUse(f"{text!r} could mean several; give more of it:\n{candidates}{more}")


def _known(ledger: Ledger, model: str) -> str:
    models = {entry.model for entry in ledger.entries("release")}
    if model not in models:
        raise NotFound(f"no model called {model!r} has a release{_near(model, models)}")
    return model


def _needed(model: str | None, name: str) -> str:
    if model is None:
        raise WrongUse(f"{name!r} does not say of which model; put its name before it, as in MODEL@live")
    return model


def _names(ledger: Ledger, model: str | None) -> list[str]:
    newest = [entry.id for kind in ("run", "release") for entry in ledger.entries(kind, model, limit=100)]
    return [*newest, LATEST, *(f"@{alias}" for alias in ALIASES)]


def _near(text: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(text, list(names), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _existing(ledger: Ledger, model: str) -> str:
    numbers = sorted(int(entry.key or 0) for entry in ledger.entries("release", model))
    if not numbers:
        return "; nothing of it is released"
    return f"; it has {numbers[0]}" + (f" to {numbers[-1]}" if len(numbers) > 1 else "")


def _described(entry: Entry) -> str:
    return f"{_a(entry.kind)} of {entry.model}, {clock.to_iso(entry.at - entry.at % clock.SECOND)}"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
