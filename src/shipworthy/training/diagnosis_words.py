"""A cause in words that a user can act on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipworthy.environments.conditions import Asked
from shipworthy.lineage.records import Cause, Factor

MOST_LINES = 3

NAMES: Mapping[Factor, str] = {
    "random": "randomness",
    "chance": "the machine's randomness",
    "seed": "process and machine",
    "clock": "the clock",
    "hash seed": "the hash seed of processes that it starts",
    "threads": "threads",
    "cores": "the number of cores",
    "row order": "row order",
    "package": "packages",
    "BLAS kernel": "the kernel of linear algebra",
    "variable": "an environment variable",
    "folder": "the folders that it lies in",
    "failure": "a failure that does not come again",
}
_HELD: Mapping[Factor, tuple[str, str]] = {
    "chance": ("randomness that does not come from the seed", "make the generator from the argument `seed`"),
    "seed": ("a seed that nobody declared", "take the argument `seed` in its place"),
    "clock": (
        "the time of training goes into the model",
        "take it from the data (the newest row), or from a parameter of the contract",
    ),
    "hash seed": (
        "the order of a set in a process that is started without PYTHONHASHSEED",
        "sort the set, or hand on os.environ to the process",
    ),
    "threads": (
        "what several threads add up depends on which of them is first",
        "set threads = 1 under [model], or add up in a fixed order",
    ),
    "cores": (
        "the work is cut by the number of cores, and what is added up depends on that",
        "cut it into a fixed number of parts, or by model.threads",
    ),
    "folder": (
        "where it lies (HOME, temporary files, the project's copy) goes into the model, and is elsewhere every time",
        "let the model hold no path, and seed nothing with one",
    ),
}
_CHANGED: Mapping[Factor, str] = {
    "hash seed": "something goes by the order of a set: sort it, as in sorted(set(names))",
    "threads": "sums are cut by the number of threads: set threads = 1 under [model], or cut them into fixed parts",
    "cores": _HELD["cores"][1],
    "package": "name the version of then in the lock and train anew, or accept what the version of now makes",
    "BLAS kernel": (
        "set OPENBLAS_CORETYPE to the same kernel wherever it is trained and rebuilt, or ask for within-tolerance: "
        "the last bits of sums differ from kernel to kernel"
    ),
    "variable": "let nothing that is learnt depend on it",
}
_LOCALE = "name the encoding of every text, and sort and format by no locale"
OF_VARIABLES = {
    "TZ": 'name the time zone wherever an instant becomes a day or an hour, as in tz="UTC"',
    "LANG": _LOCALE,
    "LC_ALL": _LOCALE,
    "HOME": (
        "something that it reads lies there: declare it under [data], or put it into the project, and take "
        '`sandbox = "off"` out of [model], so that it cannot happen unseen'
    ),
}


def held(factor: Factor, asked: Sequence[Asked]) -> str:
    """A kind of question to the machine whose answer goes into the model."""
    what, remedy = _HELD[factor]
    where = lines([each for each in asked if each.kind == factor])
    return f"{what}{f' ({where})' if where else ''}: {remedy}"


def changed(
    factor: Factor, name: str, then: str, now: str, asked: Sequence[Asked] = (), remedy: str | None = None
) -> str:
    """Something that was otherwise at the run."""
    where = lines([each for each in asked if each.kind == factor])
    values = f"{name}: {then} then, {now} now" if now else f"{name}: {then}"
    return f"{values}{f' ({where})' if where else ''}: {remedy or _CHANGED[factor]}"


def row_order(source: str, unique: str | None) -> str:
    """A source's rows in another order; `unique` is a column to sort by."""
    by = f"by {unique}, which is different in every row" if unique else "by columns that tell all rows apart"
    return (
        f"row order of data.{source}: its rows come in another order than then, and the model depends on it: sort it "
        f"in train {by}, or set keep = true under [data.{source}], so that they are kept in the order they came in"
    )


def random(asked: Sequence[Asked]) -> str:
    """Random by itself, for a reason that could not be held."""
    where = lines(asked)
    tried = f" What it asks the machine for ({where}) does not explain it." if where else ""
    return (
        "the training is random by itself: the same recipe twice makes two models." + tried + " Look for a generator "
        "of a library that takes a seed of its own (polars' sample and shuffle, torch.Generator, a GPU), for the order "
        "of a set of objects, which goes by where they lie in memory, and for threads that wait for each other; or ask "
        'for "statistically-equivalent" if it is random by nature'
    )


def lines(asked: Sequence[Asked]) -> str:
    """Where it was asked: the calls that stand in the project's own lines, else the lines that led to one."""
    direct = [each for each in asked if each.direct] or list(asked)
    frames = list(dict.fromkeys(each.frame for each in direct))
    told = [f"{file}, line {line}, in {function}: `{text}`" for file, line, function, text in frames[:MOST_LINES]]
    more = len(frames) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


def not_again(same: bool) -> str:
    """A training that failed once; `same`: and makes the run's own model when it is tried again."""
    made = "the run's own model" if same else "a model"
    return (
        f"it failed once, and makes {made} when the same recipe is trained again: it fails at times, so look for what "
        "may be short at times (memory, disk, shared memory, open files), and for threads or processes that race"
    )


def outcome(causes: Sequence[Cause], untried: Sequence[str], *, fails: bool = False) -> str:
    """A diagnosis in a sentence; `fails`: of a training that does not come to its end any more."""
    if causes:
        return "; ".join(cause.words for cause in causes)
    left = f"; not excluded: {'; '.join(untried)}" if untried else ""
    if fails:
        return f"no cause was found: the same recipe fails now, whatever was put back that is otherwise than then{left}"
    return f"no cause was found: the same recipe makes the same model now, and made another one then{left}"
