"""Time. Instants are integers of nanoseconds since 1970 in UTC wherever they are stored or compared."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AHEAD = 5 * SECOND  # somebody else's clock may be ahead of ours by so much

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(\d+)\s*(ms|s|m|h|d|w)")


def now() -> int:
    """Nanoseconds since 1970, UTC, of the wall clock."""
    return time.time_ns()


def duration(text: str) -> int:
    """Nanoseconds of "500ms", "30m", "6h", "90d", "2w"; ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 500ms, 30s, 15m, 6h, 90d or 2w")
    return int(match[1]) * _UNITS[match[2]]


def spoken(nanoseconds: int) -> str:
    """A duration in the largest unit that divides it: 21600000000000 -> "6h"."""
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if nanoseconds and nanoseconds % _UNITS[unit] == 0 and (unit != "w" or nanoseconds >= 2 * _UNITS["w"]):
            return f"{nanoseconds // _UNITS[unit]}{unit}"
    return f"{nanoseconds / SECOND:g}s"


def to_datetime(instant: int) -> datetime:
    """The UTC datetime of an instant, to the microsecond."""
    seconds, rest = divmod(instant, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def from_datetime(moment: datetime) -> int:
    """The instant of a datetime; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = aware - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1000


def to_iso(instant: int) -> str:
    """ISO 8601 in UTC, e.g. 2013-04-01T00:00:00Z; fractions only where there are any."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """The instant of an ISO 8601 text; without an offset it is taken as UTC. ValueError if it is not one."""
    return from_datetime(datetime.fromisoformat(text))
