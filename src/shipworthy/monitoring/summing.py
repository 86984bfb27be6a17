"""Windows of quality taken together: the loss since a release, and slices over several windows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import msgspec

from shipworthy.monitoring.assessing import of_gathered
from shipworthy.monitoring.quality import FEWEST_ROWS
from shipworthy.monitoring.records import Estimate, Loss, Quality, SliceQuality
from shipworthy.monitoring.sequences import NOTHING, Gathered

# A figure, its standard error where there is one, and the rows that it is of.
Figure = tuple[float, float | None, int]


def loss_since(qualities: Sequence[Quality]) -> Loss | None:
    """The loss of all windows of a release, with an interval that holds however often it is looked at.

    None where no window has one. Windows on another scale than the newest, as before an upgrade, are left out.
    """
    losses = [one.loss for one in sorted(qualities, key=lambda one: one.window) if one.loss is not None]
    if not losses:
        return None
    newest = losses[-1]
    same = [one for one in losses if (one.kind, one.scale) == (newest.kind, newest.scale)]
    together = NOTHING
    for one in same:
        together = together + Gathered(one.rows, one.mean, one.spread)
    return msgspec.structs.replace(of_gathered(newest, together), beyond=sum(one.beyond for one in same))


def slices_of(qualities: Sequence[Quality]) -> tuple[SliceQuality, ...]:
    """Every slice over several windows: means by rows, in the order of the newest window that has it."""
    found: dict[tuple[str, str], list[SliceQuality]] = {}
    for quality in sorted(qualities, key=lambda one: -one.window):
        for one in quality.slices:
            found.setdefault((one.feature, one.value), []).append(one)
    return tuple(_together(parts) for parts in found.values())


def mean(parts: Sequence[SliceQuality], figure: Callable[[SliceQuality], Figure | None]) -> Figure | None:
    """The mean by rows of those that have the figure, with the error of a mean of independent ones."""
    return mean_of([figure(one) for one in parts])


def mean_of(figures: Sequence[Figure | None]) -> Figure | None:
    """The mean by rows; its error is None where any figure has none."""
    known = [one for one in figures if one is not None]
    rows = sum(one[2] for one in known)
    if not rows:
        return None
    value = sum(one[0] * one[2] for one in known) / rows
    errors = [one[1] for one in known]
    if any(error is None for error in errors):
        return value, None, rows
    return value, sqrt(sum(((one[1] or 0.0) * one[2]) ** 2 for one in known)) / rows, rows


def labelled(one: SliceQuality) -> Figure | None:
    """By labels, where there are enough to judge by."""
    return None if one.quality is None or one.error is None else (one.quality, one.error, one.labelled)


def estimated(one: SliceQuality) -> Figure | None:
    """Without labels."""
    return of_estimate(one.estimated, one.rows)


def of_estimate(estimate: Estimate | None, rows: int) -> Figure | None:
    """An estimate of so many rows."""
    return None if estimate is None or estimate.value is None else (estimate.value, estimate.error, rows)


def cannot_judge(one: SliceQuality) -> str:
    """Why labels do not judge a slice; "" where they do."""
    if one.error is not None:
        return ""
    if not one.labelled:
        return "no labels"
    if one.labelled < FEWEST_ROWS:
        return f"too few labels to judge by: {one.labelled:,} of {FEWEST_ROWS}"
    return f"too few labels a window to judge by: less than {FEWEST_ROWS}, or of one class"


def _together(parts: Sequence[SliceQuality]) -> SliceQuality:
    by_labels, by_estimate = mean(parts, labelled), mean(parts, estimated)
    first = parts[0]
    outside = [(one.estimated.outside, one.rows) for one in parts if one.estimated is not None]
    rows = sum(count for _, count in outside)
    estimate = None
    if by_estimate is not None:
        share = sum(share * count for share, count in outside) / rows if rows else 0.0
        estimate = Estimate(by_estimate[0], by_estimate[1], share)
    return SliceQuality(
        feature=first.feature,
        value=first.value,
        rows=sum(one.rows for one in parts),
        labelled=sum(one.labelled for one in parts),
        quality=None if by_labels is None else by_labels[0],
        error=None if by_labels is None else by_labels[1],
        estimated=estimate,
        held_out=next((one.held_out for one in parts if one.held_out is not None), None),
    )
