"""Schedules as cron writes them: five fields, minute hour day month weekday, in UTC."""

from __future__ import annotations

from calendar import day_abbr, month_abbr
from dataclasses import dataclass

_MONTHS = {month_abbr[number].lower(): number for number in range(1, 13)}
_WEEKDAYS = {day_abbr[(number - 1) % 7].lower(): number for number in range(7)}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),  # 0 and 7 are Sunday
)


def check(expression: str) -> None:
    """ValueError, saying which field is wrong and why, for anything that is not a schedule or that never comes."""
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"it has {len(parts)} fields, not 5")
    days, months = [sorted(_numbers(field, part)) for field, part in zip(_FIELDS, parts, strict=True)][2:4]
    if parts[4] == "*" and all(days[0] > _LONGEST[month - 1] for month in months):
        raise ValueError(f"there is no day {days[0]} in such a month, so it never comes")


def _numbers(field: _Field, part: str) -> set[int]:
    """All numbers that one field stands for, e.g. "1-5,*/20"."""
    found: set[int] = set()
    for item in part.split(","):
        span, slash, step_text = item.partition("/")
        step = _number(field, step_text, named=False) if slash else 1
        if step < 1:
            raise ValueError(f"the {field.name} {item!r} has a step under 1")
        low, high = _span(field, span, open_ended=bool(slash))
        found.update(range(low, high + 1, step))
    return found


def _span(field: _Field, span: str, *, open_ended: bool) -> tuple[int, int]:
    if span == "*":
        return field.low, field.high
    start, dash, end = span.partition("-")
    low = _number(field, start)
    high = _number(field, end) if dash else field.high if open_ended else low
    if not field.low <= low <= high <= field.high:
        raise ValueError(f"the {field.name} {span!r} is not within {field.low} to {field.high}")
    return low, high


def _number(field: _Field, text: str, *, named: bool = True) -> int:
    if named and text.lower() in field.names:
        return field.names[text.lower()]
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the {field.name} {text!r} is not a number")
    return int(text)
