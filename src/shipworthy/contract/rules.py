"""What one value of the contract may be: a rule says what it expects, and takes or refuses a value. Pure.

A rule refuses by ValueError; its text is the hint for the user (the likely typo, an example), or empty.
"""

from __future__ import annotations

import difflib
import math
import re
import shlex
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import Any, get_args
from urllib.parse import urlsplit

from shipworthy import clock
from shipworthy.contract import cron
from shipworthy.contract.records import Value
from shipworthy.contract.toml import written

_NAME = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_ESCAPED = frozenset(['"', "\\", *map(chr, range(32))])  # in JSON
_SHELL = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>", "2>&1"})
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_FREQUENCY = re.compile(r"([\d.]+)\s+(?:per|a)\s+(year|quarter|month|week|day)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_BYTES = {
    "B": 1,
    **{f"{p}B": 1000**n for n, p in enumerate("kMGT", 1)},
    **{f"{p}iB": 1024**n for n, p in enumerate("KMGT", 1)},
}
_A_YEAR = {"year": 1.0, "quarter": 4.0, "month": 12.0, "week": 365.25 / 7, "day": 365.25}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a key may hold."""

    expected: str  # in words, following "expected"
    take: Callable[[Any], Any]  # the value as the records keep it


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The likely typo as a hint; "" where nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {written(near[0])}?" if near else ""


def against_name(name: str) -> str:
    """What stands against a feature's name, following "has a name"; "" where nothing does.

    Requests are read by the names, and no reader of JSON that is fast takes a name that JSON has to escape.
    """
    if not name.strip() or name != name.strip():
        return "that is blank or has space around it"
    if not _ESCAPED.isdisjoint(name):
        return "with a quotation mark, a backslash or a control character"
    return ""


def text(expected: str = "text") -> Rule:
    """Text that is not blank."""
    return Rule(expected, _text)


def choice(literal: Any) -> Rule:
    """One of the words of a Literal."""
    words: tuple[str, ...] = get_args(literal)

    def take(value: object) -> str:
        if value in words:
            return str(value)
        raise ValueError(did_you_mean(value, words) if isinstance(value, str) else "")

    return Rule(f"one of {', '.join(written(word) for word in words)}", take)


def several(literal: Any) -> Rule:
    """A list of words of a Literal, each at most once."""
    one = choice(literal)

    def take(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError(f"a list needs brackets: [{written(value)}]")
        return tuple(dict.fromkeys(one.take(item) for item in value))

    return Rule(f"a list of {one.expected.removeprefix('one of ')}", take)


def whole(low: int, high: int | None = None) -> Rule:
    """A whole number, bounds included."""

    def take(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(_unquoted(value))
        if value < low or (high is not None and value > high):
            raise ValueError
        return value

    return Rule(f"a whole number from {low} to {high}" if high is not None else f"a whole number from {low}", take)


def number(expected: str, fits: Callable[[float], bool] = lambda _: True) -> Rule:
    """A finite number for which `fits` holds."""

    def take(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(_unquoted(value))
        if not math.isfinite(value) or not fits(value):
            raise ValueError
        return float(value)

    return Rule(expected, take)


def duration(*, zero: bool = False) -> Rule:
    """A length of time, kept in nanoseconds."""

    def take(value: object) -> int:
        if not isinstance(value, str):
            raise ValueError(f'give it a unit: "{value}d", "{value}h", "{value}s"' if isinstance(value, int) else "")
        try:
            length = clock.duration(value)
        except ValueError:
            raise ValueError from None
        if length == 0 and not zero:
            raise ValueError("it must be longer than nothing")
        return length

    return Rule('a length of time such as "500ms", "30s", "15m", "6h", "90d" or "2w"', take)


def size() -> Rule:
    """A number of bytes with its unit: kB, MB, GB, TB are powers of 1,000, KiB, MiB, GiB, TiB of 1,024."""

    def take(value: object) -> int:
        match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f'give it a unit: "{value}B", "{value}MB"' if isinstance(value, int | float) else "")
        count = int(float(match[1]) * _BYTES[match[2]])
        if count == 0:
            raise ValueError("it must be more than nothing")
        return count

    return Rule('a size such as "500MB", "50GB" or "1.5TB"', take)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text needs quotes: {written(str(value))}" if isinstance(value, Value) else "")
    if not value.strip():
        raise ValueError("it is blank")
    return value


def _unquoted(value: object) -> str:
    try:
        return f"without quotes: {float(value):g}" if isinstance(value, str) else ""
    except ValueError:
        return ""


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("without quotes" if value in ("true", "false") else "")
    return value


def _name(value: object) -> str:
    found = _text(value)
    if not _NAME.fullmatch(found) or len(found) > 100:
        likely = re.sub(r"[^A-Za-z0-9]+", "-", found).strip("-")[:100].strip("-")
        raise ValueError(f"for example {written(likely)}" if likely else "")
    return found


def _function(value: object) -> str:
    found = _text(value)
    module, _, function = found.partition(":")
    if not _FUNCTION.fullmatch(found) or module.endswith(".py"):
        likely = f"{module.removesuffix('.py').replace('/', '.')}:{function or 'train'}"
        raise ValueError(f"did you mean {written(likely)}?" if _FUNCTION.fullmatch(likely) else "")
    return found


def _command(value: object) -> str:
    found = _text(value)
    try:
        words = shlex.split(found)
    except ValueError as error:  # a quote that is never closed
        raise ValueError(str(error).lower()) from None
    signs = [word for word in words if word in _SHELL]
    if signs:
        raise ValueError(f"no shell reads {signs[0]}: put it into a script, or write {written(f'sh -c {found!r}')}")
    if not words or not words[0]:
        raise ValueError("it names no program")
    if _ASSIGNED.match(words[0]):
        raise ValueError(f"{words[0]} sets a variable, which only a shell does: `env {found}`")
    return found


def _relative(value: object) -> str:
    found = _text(value)
    if PurePath(found).is_absolute():
        raise ValueError("it would not exist on another machine")
    return found


def _yearly(value: object) -> float:
    rate = value
    if isinstance(value, str):
        match = _FREQUENCY.fullmatch(value.strip())
        if match is None or match[1].count(".") > 1:
            raise ValueError
        rate = float(match[1]) * _A_YEAR[match[2]]
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not math.isfinite(rate) or rate <= 0:
        raise ValueError("it must be more than none" if rate == 0 else "")
    return float(rate)


def _cron(value: object) -> str:
    found = _text(value)
    cron.check(found)
    return found


def _address(value: object) -> str:
    found = _text(value)
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    return found


def _receiver(value: object) -> str:
    found = _text(value)
    return found if _VARIABLE.fullmatch(found) else _address(found)


def _zone(value: object) -> str:
    found = _text(value)
    if found not in zoneinfo.available_timezones():
        raise ValueError(did_you_mean(found, zoneinfo.available_timezones()))
    return found


def _places(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("it is a list")
    found = tuple(_text(item) for item in value)
    if not all("://" in item or _VARIABLE.fullmatch(item) for item in found):
        raise ValueError
    return found


def _scalar(value: object) -> Value:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if not isinstance(value, Value):
        raise ValueError("lists and tables are not compared between runs; give each its own key")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    return value


def _categories(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    strange = next((item for item in value if not isinstance(item, str)), None)
    if strange is not None:
        raise ValueError(f"categories are text: {written(str(strange))}" if isinstance(strange, Value) else "")
    twice = next((item for item in value if value.count(item) > 1), None)
    if twice is not None:
        raise ValueError(f"{written(twice)} stands there twice")
    return tuple(value)


BOOLEAN = Rule("true or false", _boolean)
NAME = Rule("letters, digits and single dashes, at most 100", _name)
FUNCTION = Rule('"module:function", relative to the contract\'s folder', _function)
COMMAND = Rule('a program and its arguments such as "python train.py"', _command)
RELATIVE_PATH = Rule("a path relative to the contract's folder", _relative)
YEARLY = Rule('how often, such as "1 per year", "2 per month", or a number a year', _yearly)
CRON = Rule('a cron schedule in UTC such as "0 2 * * *" (minute hour day month weekday)', _cron)
ADDRESS = Rule("an http:// or https:// address", _address)
RECEIVER = Rule('an http:// or https:// address, or "env:NAME" of a variable that holds one', _receiver)
PLACES = Rule('a list of Apprise URLs, or of "env:NAME" of variables that hold one each', _places)
ZONE = Rule('a time zone such as "Europe/Berlin", or "UTC"', _zone)
SCALAR = Rule("a finite number, true or false, or text", _scalar)
FEATURES = Rule('a list of different features such as ["carrier"]', _categories)
CATEGORIES = Rule('a list of different texts such as ["UA", "AA"]', _categories)
