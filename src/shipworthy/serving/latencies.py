"""How many requests a release has answered, and how many of them late, from the figures that its workers leave."""

from __future__ import annotations

import re
from pathlib import Path

from shipworthy.serving.metrics import SECONDS, SUFFIX, figures

_RELEASE = re.compile(r'shipworthy_release\{(?:model="(?P<model>(?:[^"\\]|\\.)*)",)?release="(?P<release>\d+)"\}')
_BUCKET = re.compile(r'shipworthy_request_seconds_bucket\{.*le="(?P<le>[^"]+)"\}')


def answered(folder: Path, model: str, seconds: float) -> dict[int, tuple[int, int]]:
    """By release: requests answered since its first worker began, and those that took longer than `seconds`.

    Workers count in buckets, so that longer means above the first bound that is no less; never more than there were.
    """
    limit = min((bound for bound in SECONDS if bound >= seconds), default=float("inf"))
    found: dict[int, tuple[int, int]] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        series = figures(path)
        release = _release(series, model)
        if release is None:
            continue
        requests, slow = found.get(release, (0, 0))
        for name, value in series:
            bucket = _BUCKET.fullmatch(name)
            if bucket is not None:
                requests += int(value)
                slow += int(value) if float(bucket["le"]) > limit else 0
        found[release] = requests, slow
    return found


def _release(series: list[tuple[str, float]], model: str) -> int | None:
    """The release that a worker's file is about; None where it is about another model, or none."""
    for name, _ in series:
        match = _RELEASE.fullmatch(name)
        if match is not None and match["model"] in (None, model):
            return int(match["release"])
    return None
