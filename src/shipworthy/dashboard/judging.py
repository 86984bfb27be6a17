"""What there is to say of quality: sentences and slices, from its records. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shipworthy import clock
from shipworthy.dashboard.view import QualityView, SliceView
from shipworthy.monitoring.estimating import BLIND
from shipworthy.monitoring.records import Loss, Quality
from shipworthy.monitoring.summing import cannot_judge, loss_since, slices_of

RECENT = 30  # windows that slices are told of
_FAR = 0.05  # share of rows beyond those held out that an estimate says of itself


def views_of(qualities: Sequence[Quality]) -> tuple[QualityView, ...]:
    """Windows of which labels or an estimate say something, oldest first."""
    found = (_view(one) for one in sorted(qualities, key=lambda one: (one.window, one.release)))
    return tuple(view for view in found if view.value is not None or view.estimated is not None)


def sentences(qualities: Sequence[Quality]) -> tuple[str, ...]:
    """The newest of one release's windows: by labels, estimated, and its loss so far. () where nothing is known."""
    return tuple(_sentences(sorted(qualities, key=lambda one: one.window)))


def slice_views(qualities: Sequence[Quality]) -> tuple[SliceView, ...]:
    """Slices of one release over its newest windows."""
    newest = sorted(qualities, key=lambda one: one.window)[-RECENT:]
    return tuple(
        SliceView(
            one.feature,
            one.value,
            one.rows,
            one.labelled,
            one.quality,
            one.error,
            None if one.estimated is None else one.estimated.value,
            None if one.estimated is None else one.estimated.error,
            one.held_out,
            cannot_judge(one),
        )
        for one in slices_of(newest)
    )


def _view(one: Quality) -> QualityView:
    estimate = one.estimated
    return QualityView(
        one.window,
        one.release,
        one.value,
        one.labelled,
        None if estimate is None else estimate.value,
        None if estimate is None else estimate.error,
    )


def _sentences(ordered: Sequence[Quality]) -> Iterator[str]:
    labelled = next((one for one in reversed(ordered) if one.value is not None), None)
    if labelled is not None and labelled.value is not None:
        figure = _figure(labelled.value, labelled.error)
        day = _day(labelled.window)
        yield f"{labelled.metric} {figure} on the {labelled.labelled:,} labelled rows of {day}{_unknown(labelled)}"
    estimated = next((one for one in reversed(ordered) if one.estimated is not None), None)
    if estimated is not None and estimated.estimated is not None and estimated.estimated.value is not None:
        found = estimated.estimated
        far = f", of which {found.outside:.0%} lie beyond those held out, where it guesses" * (found.outside > _FAR)
        figure = f"{_figure(estimated.estimated.value, found.error)} estimated without labels"
        yield f"{estimated.metric} {figure} on the {estimated.rows:,} rows of {_day(estimated.window)}{far}; {BLIND}"
    loss = loss_since(ordered)
    if loss is not None:
        yield _loss(loss, " since the release" if ordered[0].release else "")


def _loss(loss: Loss, since: str) -> str:
    low, high = loss.low * loss.scale, loss.high * loss.scale
    words = (
        f"{loss.kind} of all {loss.rows:,} labelled rows{since}: {loss.mean * loss.scale:.4g} on average, "
        f"and from {low:.4g} to {high:.4g} with 95% confidence, however often anybody looks"
    )
    beyond = f"; {loss.beyond:,} larger than {loss.scale:.4g} count as that" if loss.beyond else ""
    if loss.held_out is None:
        return words + beyond
    held = loss.held_out * loss.scale
    verdict = "worse than" if low > held else "better than" if high < held else "not surely another than"
    return f"{words}; {verdict} the {held:.4g} of the rows held out{beyond}"


def _unknown(one: Quality) -> str:
    if not one.unknown:
        return ""
    return f"; {one.unknown:,} labels are no answer that the model could give, and are left out"


def _figure(value: float, error: float | None) -> str:
    return f"{value:.4g}" if error is None else f"{value:.4g} ± {2 * error:.2g}"


def _day(instant: int) -> str:
    return clock.to_iso(instant).removesuffix("T00:00:00Z")
