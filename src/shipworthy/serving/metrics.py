"""A worker's figures, in a file that any worker can read, and all workers' figures as Prometheus text.

A file holds the names of its series and one float64 each, mapped into memory: counting is an addition, and what a
killed worker had counted stays. A worker that starts again under the same name goes on counting where it stopped.

Latencies are those of a tick: from the moment when the first request of a tick was read to that when the last answer
was written. For the other requests of the same tick this is too long, never too short.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from shipworthy import digest

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0, 16384.0)
STATUSES = (200, 400, 404, 405, 408, 413, 415, 417, 422, 431, 500, 503)
REASONS = ("deadline", "connections", "log", "loading")
OUTCOMES = ("refused", "passed")
SUFFIX = ".metrics"

_HELP: dict[str, tuple[Literal["counter", "gauge", "histogram"], str]] = {
    "shipworthy_requests_total": ("counter", "Requests answered, by status."),
    "shipworthy_request_seconds": ("histogram", "Time from a prediction request's reading to its answer's writing."),
    "shipworthy_model_seconds": ("histogram", "Time of one model call."),
    "shipworthy_batch_rows": ("histogram", "Rows answered by one model call."),
    "shipworthy_rows_total": ("counter", "Rows answered."),
    "shipworthy_violations_total": (
        "counter",
        "Values that broke the contract: refused, or passed (flagged, default).",
    ),
    "shipworthy_refused_total": ("counter", "Requests refused because there was no room or time for them, by reason."),
    "shipworthy_model_errors_total": ("counter", "Requests that failed because the model raised or gave no number."),
    "shipworthy_log_errors_total": ("counter", "Requests that failed because the prediction log could not be written."),
    "shipworthy_swaps_total": ("counter", "Releases taken over while running."),
    "shipworthy_load_seconds": ("histogram", "Time to verify, load and warm up a release."),
    "shipworthy_unloads_total": ("counter", "Times that a model was unloaded to make room, or because somebody asked."),
    "shipworthy_first_request_seconds": (
        "histogram",
        "As shipworthy_request_seconds, of the first predictions after a release was loaded.",
    ),
    "shipworthy_model_bytes": ("gauge", "What workers grew by in memory when they loaded their release."),
    "shipworthy_connections": ("gauge", "Open connections."),
    "shipworthy_queue": ("gauge", "Requests that were waiting when the newest model call began."),
    "shipworthy_release": ("gauge", "Workers that answer with a release."),
}


# Where a worker has many models, these are the worker's own: without a model's name, connections alone so.
OF_MODEL = frozenset(_HELP) - {"shipworthy_connections"}
OF_SERVER = frozenset({"shipworthy_connections", "shipworthy_requests_total", "shipworthy_refused_total"})


class Metrics:
    """The figures of one worker. `Metrics(folder, "w0", model, features, release)`; of some families where not of all.

    The figures of no model have "" for its name, and no label for it.
    """

    def __init__(
        self,
        folder: Path,
        worker: str,
        model: str,
        features: Iterable[str],
        release: int,
        families: Collection[str] = tuple(_HELP),
    ) -> None:
        names = list(_series(model, features, release, families))
        self.names = names
        self._cells, self._file = _open(folder, worker, names)
        places = {name: index for index, name in enumerate(names)}
        label = _labels(model=model)
        self._place = {name: places[f"{name}{label}"] for name in _HELP if f"{name}{label}" in places}
        self._statuses = {s: places[f"shipworthy_requests_total{_labels(model=model, status=s)}"] for s in STATUSES}
        self._violations = {
            (feature, outcome): places[
                f"shipworthy_violations_total{_labels(model=model, feature=feature, outcome=outcome)}"
            ]
            for feature in features
            for outcome in OUTCOMES
        }
        self._refused = {r: places[f"shipworthy_refused_total{_labels(model=model, reason=r)}"] for r in REASONS}
        self._histograms = {
            name: places[f"{name}_bucket{_labels(model=model, le=_bound(bounds[0]))}"]
            for name, bounds in _HISTOGRAMS.items()
            if name in families
        }
        self._release = places.get(f"shipworthy_release{_labels(model=model, release=release)}")

    def begin(self, connections: int = 0) -> None:
        """The worker answers with this release from now on."""
        if self._release is not None:
            self._cells[self._release] = 1.0
        if "shipworthy_connections" in self._place:
            self.put("shipworthy_connections", connections)

    def add(self, name: str, amount: float = 1.0) -> None:
        """Count."""
        self._cells[self._place[name]] += amount

    def put(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._cells[self._place[name]] = value

    def status(self, status: int, requests: int = 1) -> None:
        """Requests answered with a status."""
        self._cells[self._statuses[status]] += requests

    def refused(self, reason: str) -> None:
        """A request that there was no room or time for."""
        self._cells[self._refused[reason]] += 1

    def violation(self, feature: str, outcome: str, rows: int) -> None:
        """Values of a feature that broke the contract."""
        self._cells[self._violations[feature, outcome]] += rows

    def observe(self, name: str, value: float, times: int = 1) -> None:
        """Put a value into a histogram, `times` times. Its cells: a bucket each, the one above all, sum."""
        begin, bounds = self._histograms[name], _HISTOGRAMS[name]
        self._cells[begin + bisect_left(bounds, value)] += times
        self._cells[begin + len(bounds) + 1] += value * times

    def close(self) -> None:
        """No more figures of this release from here: its counts stay, it answers no longer."""
        for gauge in ("shipworthy_connections", "shipworthy_queue", "shipworthy_model_bytes"):
            if gauge in self._place:
                self._cells[self._place[gauge]] = 0.0
        if self._release is not None:
            self._cells[self._release] = 0.0
        self._cells.release()
        self._file.close()


_HISTOGRAMS = {
    "shipworthy_request_seconds": SECONDS,
    "shipworthy_model_seconds": SECONDS,
    "shipworthy_batch_rows": ROWS,
    "shipworthy_load_seconds": SECONDS,
    "shipworthy_first_request_seconds": SECONDS,
}


def exposition(folder: Path) -> bytes:
    """All workers' figures, added up, in Prometheus' text format."""
    totals: dict[str, float] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for name, value in figures(path):
            totals[name] = totals.get(name, 0.0) + value
    families: dict[str, list[tuple[str, float]]] = {family: [] for family in _HELP}
    for name, value in totals.items():
        families[_family(name)].append((name, value))
    lines: list[str] = []
    for family, (kind, text) in _HELP.items():
        samples = families[family]
        if kind == "gauge" and family == "shipworthy_release":
            samples = [(name, value) for name, value in samples if value]
        if not samples:
            continue
        lines += [f"# HELP {family} {text}", f"# TYPE {family} {kind}"]
        lines += _histogram(family, samples) if kind == "histogram" else [f"{n} {_number(v)}" for n, v in samples]
    return "".join(f"{line}\n" for line in lines).encode()


def reset_gauges(folder: Path, worker: str) -> None:
    """A worker is dead: it has no connections and answers with no release."""
    for path in folder.glob(f"{worker}.*{SUFFIX}"):
        names = [name for name, _ in figures(path)]
        cells, file = _open(folder, worker, names)
        for index, name in enumerate(names):
            if _HELP.get(_family(name), ("",))[0] == "gauge":
                cells[index] = 0.0
        cells.release()
        file.close()


def _series(model: str, features: Iterable[str], release: int, families: Collection[str]) -> Iterator[str]:
    label = _labels(model=model)
    for name, (kind, _) in _HELP.items():
        if name not in families:
            continue
        if kind == "histogram":
            bounds = [*map(_bound, _HISTOGRAMS[name]), "+Inf"]
            yield from (f"{name}_bucket{_labels(model=model, le=bound)}" for bound in bounds)
            yield f"{name}_sum{label}"
        elif name == "shipworthy_requests_total":
            yield from (f"{name}{_labels(model=model, status=status)}" for status in STATUSES)
        elif name == "shipworthy_refused_total":
            yield from (f"{name}{_labels(model=model, reason=reason)}" for reason in REASONS)
        elif name == "shipworthy_violations_total":
            for feature in features:
                yield from (f"{name}{_labels(model=model, feature=feature, outcome=outcome)}" for outcome in OUTCOMES)
        elif name == "shipworthy_release":
            yield f"{name}{_labels(model=model, release=release)}"
        else:
            yield f"{name}{label}"


def _histogram(family: str, samples: list[tuple[str, float]]) -> Iterator[str]:
    """Buckets come one by one and leave added up, with their count. One model's series stand together."""
    count = 0.0
    for name, value in samples:
        if name.startswith(f"{family}_bucket"):
            count += value
            yield f"{name} {_number(count)}"
        else:
            yield f"{name} {_number(value)}"
            yield f"{name.replace('_sum{', '_count{', 1)} {_number(count)}"
            count = 0.0


def _family(name: str) -> str:
    plain = name.partition("{")[0]
    for suffix in ("_bucket", "_sum"):
        if plain.removesuffix(suffix) in _HISTOGRAMS:
            return plain.removesuffix(suffix)
    return plain


def _labels(**labels: object) -> str:
    """Labels as they are written; one whose value is "" is none."""
    said = {key: str(value) for key, value in labels.items() if value != ""}
    texts = (value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for value in said.values())
    return "{" + ",".join(f'{key}="{text}"' for key, text in zip(said, texts, strict=True)) + "}" if said else ""


def _bound(bound: float) -> str:
    return f"{bound:g}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _open(folder: Path, worker: str, names: list[str]) -> tuple[memoryview[float], mmap.mmap]:
    """The file of a worker with just these series, made if there is none."""
    head = _head(names)
    path = folder / f"{worker}.{digest.of_bytes(head)[:12]}{SUFFIX}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        growing = path.with_suffix(f".{os.getpid()}.part")
        growing.write_bytes(head + bytes(8 * len(names)))
        growing.replace(path)
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    return _floats(memoryview(mapped)[len(head) :]), mapped


def _floats(content: memoryview[int]) -> memoryview[float]:
    return content.cast("d")


def _head(names: list[str]) -> bytes:
    """Length of the names (8 bytes), the names as JSON; padded, so that the figures are aligned."""
    text = msgspec.json.encode(names)
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def figures(path: Path) -> list[tuple[str, float]]:
    """Every series of one worker's file, by its name. Buckets are not added up."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    names = msgspec.json.decode(content[8:end], type=list[str])
    return list(zip(names, memoryview(content)[end:].cast("d"), strict=True))
