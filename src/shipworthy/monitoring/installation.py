"""The promise on false alarms over all models of one installation, split between them. Pure.

Rates of false alarms add up, whatever depends on whatever. Each model gets a part in proportion to what its contract
asks for, and never more than that: the installation's promise holds because the parts add up to no more, and each
contract's because no part is larger.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from shipworthy.contract.records import Monitoring

VERSION = 1


class Part(msgspec.Struct, frozen=True):
    """One model of the installation."""

    model: str
    asked: float  # false alarms a year that its contract promises
    given: float  # that it may have


class Installation(msgspec.Struct, frozen=True):
    """Ledger kind "installation": what all models together may do, from now on."""

    version: int
    false_alarms: float | None  # a year, of all models; None: each model's contract alone holds again
    parts: tuple[Part, ...]  # by name; this model's among them


def split(false_alarms: float, asked: Mapping[str, float]) -> Installation:
    """The parts of models that ask for so many false alarms a year, by name."""
    scale = min(1.0, false_alarms / sum(asked.values()))
    return Installation(
        VERSION, false_alarms, tuple(Part(model, wanted, wanted * scale) for model, wanted in sorted(asked.items()))
    )


def part_of(installation: Installation | None, model: str) -> Part | None:
    """A model's part; None where nothing is promised beyond its contract."""
    if installation is None or installation.false_alarms is None:
        return None
    return next((part for part in installation.parts if part.model == model), None)


def within(monitoring: Monitoring, part: Part | None) -> Monitoring:
    """The promise as it is kept: the contract's or the part, whichever is less."""
    if part is None or part.given >= monitoring.false_alarms:
        return monitoring
    return msgspec.structs.replace(monitoring, false_alarms=part.given)


def in_words(installation: Installation | None, model: str) -> str:
    """A model's part, for the page; "" where there is none."""
    part = part_of(installation, model)
    if installation is None or part is None:
        return ""
    return (
        f"its part of the {installation.false_alarms:g} a year that all {len(installation.parts)} models of the "
        f"installation may have together: {part.given:.3g}"
    )
