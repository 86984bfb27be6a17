"""What serves the model answers as the library itself does, on the probes."""

from __future__ import annotations

from shipworthy.models.records import BundleDescription, RuntimeName, RuntimeVerdict
from shipworthy.registry.records import Verdict

CHECK = "runtime"


def runtime(bundle: BundleDescription | None) -> Verdict:
    """Holds for the runtime chosen for requests and for the one chosen for batches."""
    if bundle is None:
        return Verdict(CHECK, "undecided", "the run's bundle could not be read")
    compared = {verdict.name: verdict for verdict in bundle.runtimes}
    chosen: tuple[RuntimeName, ...] = (bundle.online, bundle.batch)
    missing = [name for name in chosen if name not in compared or not compared[name].probes]
    if missing:
        return Verdict(CHECK, "undecided", f"{missing[0]} was never compared with the library's own answers")
    verdicts = [compared[name] for name in dict.fromkeys(chosen)]
    figures: dict[str, float | str | None] = {
        "online": bundle.online,
        "batch": bundle.batch,
        "probes": min(verdict.probes for verdict in verdicts),
        "largest_difference": _largest(verdicts),
        "microseconds_one": compared[bundle.online].microseconds_one,
    }
    against = [verdict for verdict in verdicts if not verdict.equal]
    if against:
        return Verdict(CHECK, "blocked", "; ".join(_unequal(verdict) for verdict in against), figures)
    return Verdict(CHECK, "passed", "; ".join(_equal(verdict) for verdict in verdicts) + _others(bundle), figures)


def _largest(verdicts: list[RuntimeVerdict]) -> float | None:
    known = [verdict.largest_difference for verdict in verdicts if verdict.largest_difference is not None]
    return max(known) if known else None


def _equal(verdict: RuntimeVerdict) -> str:
    by = "" if verdict.largest_difference is None else f", largest difference {verdict.largest_difference:.2g}"
    return f"{verdict.name} equal on {verdict.probes:,} probes{by}"


def _unequal(verdict: RuntimeVerdict) -> str:
    by = "" if verdict.largest_difference is None else f" by up to {verdict.largest_difference:.2g}"
    return f"{verdict.name} differs from the library's own answers{by} on {verdict.probes:,} probes: {verdict.reason}"


def _others(bundle: BundleDescription) -> str:
    compared = [v for v in bundle.runtimes if v.probes and v.name not in (bundle.online, bundle.batch)]
    refused = [v.name for v in compared if not v.equal]
    return f"; not used because not equal: {', '.join(refused)}" if refused else ""
