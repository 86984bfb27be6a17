"""What of a training is on record: whether the model could be made again. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shipworthy.adoption.records import DataInput, Finding, State, Surroundings, Tracked
from shipworthy.models.adopting import Described

_FULL = 32  # hexadecimal characters: a digest shorter than that does not identify data
_ATTACH = "put the training into a function, name it as [model] train, and run `shipworthy train`"


def findings(described: Described, tracked: Tracked | None, surroundings: Surroundings) -> tuple[Finding, ...]:
    """One for each ingredient of a rebuild. `tracked` is None for a bare file."""
    return (
        _code(tracked),
        _data(tracked),
        _environment(tracked, surroundings, described),
        _parameters(described, tracked),
        _seed(described, tracked),
    )


def unpinned(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """Those requirement lines that leave a version open."""
    plain = [line.partition("#")[0].partition(";")[0].strip() for line in requirements]
    return tuple(line for line in plain if line and not line.startswith("-") and not re.search(r"={2,3}[^*]+$|@", line))


def _code(tracked: Tracked | None) -> Finding:
    if tracked is None:
        return Finding("code", "lacking", "a model file does not say which code made it", _ATTACH)
    if tracked.commit is None:
        ran = f"{tracked.entry} was run, " if tracked.entry else ""
        return Finding("code", "lacking", f"{ran}no git commit is recorded", _ATTACH)
    where = f" of {tracked.repository}" if tracked.repository else ""
    ran = f", {tracked.entry}" if tracked.entry else ""
    return Finding(
        "code",
        "partly",
        f"commit {tracked.commit[:12]}{where}{ran}; whether files were changed beside it is not recorded",
        f"check out {tracked.commit[:12]} and {_ATTACH}",
    )


def _data(tracked: Tracked | None) -> Finding:
    how = "name the data under [data], as delta:, dvc: or file:, so that every training pins it"
    if tracked is None:
        return Finding("data", "lacking", "a model file does not say what it was trained on", how)
    if not tracked.data:
        return Finding("data", "lacking", "the run names no dataset", how)
    told = "; ".join(_told(each) for each in tracked.data)
    weak = [each for each in tracked.data if len(each.digest) < _FULL]
    if weak:
        told += ". A digest this short is of a sample of rows: it does not tell whether the data is still the same"
    return Finding("data", "partly", told, how)


def _told(each: DataInput) -> str:
    context = f" for {each.context}" if each.context else ""
    return f"{each.name}{context} from {each.source or 'nowhere that is named'}, digest {each.digest}"


def _environment(tracked: Tracked | None, surroundings: Surroundings, described: Described) -> Finding:
    differing = "".join(f". {warning}" for warning in described.warnings)
    if surroundings.origin == "graph":
        return Finding(
            "environment",
            "lacking",
            "a graph runs without its library, but does not say which versions trained it",
            "write a lock of the training's environment: `shipworthy init`, or --environment LOCK",
        )
    if surroundings.origin == "lock":
        state: State = "recorded" if surroundings.hashed and not differing else "partly"
        hashes = "with hashes" if surroundings.hashed else "not all with hashes"
        return Finding(
            "environment",
            state,
            f"{surroundings.named} pins {surroundings.pinned} distributions, {hashes}, and the model loads in it; "
            f"that it was trained in it is your word{differing}",
            "" if state == "recorded" else "write it anew with `uv pip compile --universal --generate-hashes`",
        )
    if tracked is not None and tracked.requirements:
        return _tracked_environment(tracked, surroundings, differing)
    return Finding(
        "environment",
        "partly",
        f"frozen from {surroundings.named} as it is now: {surroundings.pinned} distributions, and the model loads in "
        f"it; whether it was trained in it is not known{differing}",
        "keep this lock beside the code; the next training is recorded with it",
    )


def _tracked_environment(tracked: Tracked, surroundings: Surroundings, differing: str) -> Finding:
    open_ = unpinned(tracked.requirements)
    count = len([line for line in tracked.requirements if line.strip() and not line.startswith(("#", "-"))])
    rest = "was frozen as it is installed here" if surroundings.origin == "installed" else "was resolved today"
    told = f"{count} requirements, inferred and without hashes; what they need themselves {rest}"
    if open_:
        told += f"; {len(open_)} without a version: {', '.join(open_[:5])}"
    return Finding(
        "environment",
        "lacking" if open_ else "partly",
        f"{told}. The model loads in {surroundings.named}{differing}",
        "keep the lock that was written from it; better, freeze the environment of the training",
    )


def _parameters(described: Described, tracked: Tracked | None) -> Finding:
    own = len(described.parameters)
    logged = tracked.parameters if tracked is not None else {}
    if logged:
        beside = f", {own} more read from the model itself" if own else ""
        return Finding("parameters", "recorded", f"{len(logged)} logged with the run{beside}", "")
    if own:
        return Finding(
            "parameters",
            "partly",
            f"{own} read from the model itself; what was done to the data before is not among them",
            "have `train` take them from [parameters]",
        )
    return Finding("parameters", "lacking", "neither the file nor a run names any", "write them under [parameters]")


def _seed(described: Described, tracked: Tracked | None) -> Finding:
    seeds = {**_logged_seeds(tracked.parameters if tracked is not None else {}), **described.seeds}
    if not seeds:
        return Finding(
            "seed", "lacking", "no seed is recorded", "take all randomness from the seed that `train` is given"
        )
    left_open = [name for name, value in seeds.items() if value is None or not value.lstrip("-").isdigit()]
    if len(left_open) == len(seeds):
        return Finding(
            "seed",
            "lacking",
            f"left open: {', '.join(left_open)}; whatever is random comes out different every time",
            "set it from the seed that `train` is given",
        )
    told = ", ".join(f"{name} = {value}" for name, value in seeds.items() if name not in left_open)
    if left_open:
        return Finding(
            "seed", "partly", f"{told}; left open: {', '.join(left_open)}", "set all of them from train's seed"
        )
    return Finding("seed", "partly", f"{told}; whether the split of the data had one is not known", "set [model] seed")


def _logged_seeds(parameters: Mapping[str, str]) -> dict[str, str | None]:
    return {name: value for name, value in parameters.items() if re.search(r"(^|_)(seed|random_state)$", name)}
