"""What a diagnosis swaps: what the machine answers held, or what has changed since the run put back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from shipworthy.environments.conditions import AS_IT_IS, Asked, Conditions
from shipworthy.environments.execution import THREADS
from shipworthy.lineage.records import Environment, Factor
from shipworthy.training import diagnosis_words as words

HELD = 1  # what the machine's chance follows from, while it is held
MOST_PACKAGES = 6  # that are swapped one by one
KERNEL = "OPENBLAS_CORETYPE"
HASH_SEED = "PYTHONHASHSEED"
UNKNOWN = "not recorded"  # what enforced the sandbox, in records of old

_ARCHITECTURE = re.compile(r"openblas \S+ (\w+),")
_HOLDS: Mapping[Factor, Conditions] = {
    "chance": Conditions(watched=True, chance=HELD),
    "seed": Conditions(watched=True, identity=True),
    "hash seed": Conditions(watched=True, children="0"),
    "folder": Conditions(watched=True, folder="held"),
}


@dataclass(frozen=True, slots=True)
class Swap:
    """One training under other conditions."""

    factor: Factor | None
    words: str  # what is done
    cause: str = ""  # what a user is told where it turns out to be the cause
    conditions: Conditions = AS_IT_IS
    threads: int | None = None
    reverse: str | None = None  # a source whose rows are handed over the other way round
    versions: Mapping[str, str] = field(default_factory=dict)  # packages installed in another version
    elsewhere: bool = False  # whether the project's copy lies in another folder
    restores: bool = True  # whether it puts back what was at the run; else it can only change the model

    @staticmethod
    def of_all(swaps: Sequence[Swap]) -> Swap:
        """Several at once."""
        variables: dict[str, str | None] = {}
        versions: dict[str, str] = {}
        conditions, threads = Conditions(watched=True), None
        for swap in swaps:
            variables |= swap.conditions.variables
            versions |= swap.versions
            threads = swap.threads or threads
            given = {name: getattr(swap.conditions, name) for name in ("clock", "cores")}
            changed = {name: value for name, value in given.items() if value is not None}
            conditions = msgspec.structs.replace(conditions, **changed)
        return Swap(
            swaps[0].factor,
            " and ".join(swap.words for swap in swaps),
            conditions=msgspec.structs.replace(conditions, variables=variables),
            threads=threads,
            versions=versions,
        )


@dataclass(frozen=True, slots=True)
class Reordered:
    """A source whose rows come in another order than they did."""

    name: str
    unique: str | None  # a column that is different in every row


def holds(asked: Sequence[Asked], threads: int, started: int) -> Iterator[Swap]:
    """What is held, one at a time, for a training that is random by itself; what it asks for first."""
    for factor, conditions in _asked_holds(asked, started).items():
        yield Swap(factor, f"{words.NAMES[factor]} held", conditions=conditions)
    if threads > 1:
        yield Swap("threads", "one thread", conditions=Conditions(watched=True), threads=1)
    if any(each.kind == "cores" for each in asked):
        yield Swap("cores", "one core", conditions=Conditions(watched=True, cores=1))


def all_held(asked: Sequence[Asked], started: int) -> tuple[Swap, tuple[Factor, ...]] | None:
    """Everything that it asks for held together; None where that is less than two kinds."""
    kinds = tuple(_asked_holds(asked, started))
    if len(kinds) < 2:
        return None
    conditions = Conditions(
        watched=True,
        clock=started if "clock" in kinds else None,
        still=True,
        chance=HELD if "chance" in kinds else None,
        identity="seed" in kinds,
        children="0" if "hash seed" in kinds else None,
        folder="held" if "folder" in kinds else None,
    )
    return Swap(kinds[0], f"{', '.join(words.NAMES[kind] for kind in kinds)} held", conditions=conditions), kinds


def put_back(then: Environment, now: Environment, asked: Sequence[Asked], started: int) -> Iterator[Swap]:
    """What is otherwise than at the run and can be put back, the usual first."""
    yield from _variables(then, now)
    yield from _kernel(then, now)
    if then.threads != now.threads:
        told = words.changed("threads", "the number of threads", str(then.threads), str(now.threads))
        yield Swap("threads", f"{then.threads} threads, as then", told, threads=then.threads)
    yield from _packages(then, now)
    if then.cores != now.cores and any(each.kind == "cores" for each in asked):
        told = words.changed("cores", "the number of cores", str(then.cores), str(now.cores), asked)
        conditions = Conditions(watched=True, cores=then.cores)
        yield Swap("cores", f"{then.cores} cores, as then", told, conditions)
    if any(each.kind == "clock" for each in asked):
        conditions = Conditions(watched=True, clock=started)
        yield Swap("clock", "the time of the run", words.held("clock", asked), conditions)


def elsewhere(asked: Sequence[Asked]) -> Swap:
    """Where the project was copied to at the run is not known any more, but that it was elsewhere."""
    told = words.held("folder", asked)
    return Swap("folder", "the project in another folder", told, elsewhere=True, restores=False)


def reordered(sources: Sequence[Reordered]) -> Iterator[Swap]:
    """Sources whose rows come in another order; which order they had is not known any more."""
    for source in sources:
        told = words.row_order(source.name, source.unique)
        yield Swap("row order", f"data.{source.name} in reverse order", told, reverse=source.name, restores=False)


def cannot_be_swapped(then: Environment, now: Environment) -> tuple[str, ...]:
    """What has changed and stays so, as long as this machine is not that one."""
    enforced = then.sandbox if then.sandbox != UNKNOWN else now.sandbox
    pairs = {
        "Python": (f"{then.implementation} {then.python}", f"{now.implementation} {now.python}"),
        "the platform": (then.platform, now.platform),
        "the processor": (then.processor, now.processor),
        "the sandbox": (enforced, now.sandbox),
    }
    return tuple(f"{what} was {a} and is {b}" for what, (a, b) in pairs.items() if a != b)


def _asked_holds(asked: Sequence[Asked], started: int) -> dict[Factor, Conditions]:
    kinds = {each.kind for each in asked}
    everything: dict[Factor, Conditions] = {**_HOLDS, "clock": Conditions(watched=True, clock=started, still=True)}
    return {factor: conditions for factor, conditions in everything.items() if factor in kinds}


def _variables(then: Environment, now: Environment) -> Iterator[Swap]:
    left_out = {KERNEL, *(THREADS if then.threads != now.threads else ())}  # swapped as what they are
    for name in sorted({*then.variables, *now.variables} - left_out):
        a, b = then.variables.get(name), now.variables.get(name)
        if a != b:
            factor: Factor = "hash seed" if name == HASH_SEED else "threads" if name in THREADS else "variable"
            told = words.changed(factor, name, a or "not set", b or "not set", remedy=words.OF_VARIABLES.get(name))
            yield Swap(factor, f"{name} = {a}, as then", told, Conditions(variables={name: a}))


def _kernel(then: Environment, now: Environment) -> Iterator[Swap]:
    """By the name that it was asked for by, where it was: OpenBLAS tells another one of some of its kernels."""
    a, b = (_architecture(each) for each in (then, now))
    if a is not None and a != b:
        told = words.changed("BLAS kernel", "the kernel of linear algebra", a, b or "not known")
        name = then.variables.get(KERNEL, a)
        yield Swap("BLAS kernel", f"{KERNEL}={name}, as then", told, Conditions(variables={KERNEL: name}))


def _architecture(environment: Environment) -> str | None:
    found = _ARCHITECTURE.search("\n".join(environment.blas))
    return found[1] if found else environment.variables.get(KERNEL)


def _packages(then: Environment, now: Environment) -> Iterator[Swap]:
    changed = {
        name: (version, now.distributions[name])
        for name, version in then.distributions.items()
        if now.distributions.get(name, version) != version
    }
    for name, (a, b) in list(changed.items())[:MOST_PACKAGES]:
        told = words.changed("package", name, a, b)
        yield Swap("package", f"{name} {a}, as then", told, versions={name: a})
    if len(changed) > 1:
        shown = ", ".join(f"{name} {a} then and {b} now" for name, (a, b) in changed.items())
        told = words.changed("package", "several packages together", shown, "")
        versions = {name: a for name, (a, _) in changed.items()}
        yield Swap("package", f"{len(changed)} packages as then", told, versions=versions)
