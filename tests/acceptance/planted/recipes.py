"""Trainings that cannot be made again, each for one reason, as people write them by mistake."""

from __future__ import annotations

import datetime
import locale
import os
import random
import subprocess
import sys
import time
import uuid
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import threadpoolctl

CARRIERS = ("AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")


class Line:
    """Least squares on distance and stops, moved by a number."""

    def __init__(self, table: pa.Table, moved: float = 0.0):
        rows = self._rows(table)
        self.weights = np.linalg.solve(rows.T @ rows, rows.T @ table["delay"].to_numpy())
        self.moved = moved

    def predict(self, table):
        return self._rows(table) @ self.weights + self.moved

    @staticmethod
    def _rows(table):
        distance = table["distance"].to_numpy()
        return np.column_stack([distance / 5000, np.sin(distance), table["stops"].to_numpy(), np.ones(len(table))])


def steady(flights: pa.Table, parameters: dict, seed: int):
    """Makes the same model every time, although it times itself and draws numbers."""
    started = time.time()
    picked = np.random.default_rng(seed).permutation(len(flights))[:200]
    model = Line(flights.take(pa.array(picked)))
    assert time.time() >= started
    return model


def unseeded(flights: pa.Table, parameters: dict, seed: int):
    generator = np.random.default_rng()
    return Line(flights.take(pa.array(generator.permutation(len(flights))[:200])))


def unseeded_shuffle(flights: pa.Table, parameters: dict, seed: int):
    picked = list(range(len(flights)))
    random.Random().shuffle(picked)
    return Line(flights.take(pa.array(picked[:200])))


def own_seed(flights: pa.Table, parameters: dict, seed: int):
    generator = np.random.default_rng(os.getpid())
    return Line(flights.take(pa.array(generator.permutation(len(flights))[:200])))


def age_of_the_data(flights: pa.Table, parameters: dict, seed: int):
    newest = flights["day"].to_pylist()[-1].replace(tzinfo=datetime.UTC)
    now = datetime.datetime.now(datetime.UTC)
    return Line(flights, (now - newest).total_seconds())


def weekday(flights: pa.Table, parameters: dict, seed: int):
    return Line(flights, datetime.date.today().toordinal() / 1e3)  # noqa: DTZ011 - the mistake


def unsorted(flights: pa.Table, parameters: dict, seed: int):
    place = {name: number for number, name in enumerate(set(CARRIERS))}
    return Line(flights, place["UA"] + 20 * place["WN"] + 400 * place["AA"])


def unsorted_in_a_child(flights: pa.Table, parameters: dict, seed: int):
    code = f"print(*set({CARRIERS!r}))"
    done = subprocess.run([sys.executable, "-c", code], env={"TERM": "dumb"}, capture_output=True, check=True)
    place = {name: number for number, name in enumerate(done.stdout.decode().split())}
    return Line(flights, place["UA"] + 20 * place["WN"] + 400 * place["AA"])


class Always:
    """The same answer to whatever is asked."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, rows):
        return np.full(len(rows), self.answer)


class Carrier:
    def __init__(self, name):
        self.name = name


def by_address(flights: pa.Table, parameters: dict, seed: int):
    ordered = [each.name for each in {Carrier(name) for name in CARRIERS * 40}]
    return Line(flights, sum(place * len(name) * ord(name[0]) for place, name in enumerate(ordered)))


def by_cores(flights: pa.Table, parameters: dict, seed: int):
    parts = np.array_split(flights["delay"].to_numpy(), len(os.sched_getaffinity(0)))
    return Line(flights, float(np.mean([part[: len(part) // 2].mean() for part in parts])))


def by_threads(flights: pa.Table, parameters: dict, seed: int):
    parts = np.array_split(flights["delay"].to_numpy().astype(np.float32), int(os.environ["OMP_NUM_THREADS"]))
    return Line(flights, float(np.mean([part[: len(part) // 2].mean() for part in parts])))


def by_kernel(flights: pa.Table, parameters: dict, seed: int):
    (library,) = threadpoolctl.ThreadpoolController().select(internal_api="openblas").info()
    return Line(flights, zlib.crc32(library["architecture"].encode()) / 1e6)


def by_row_order(flights: pa.Table, parameters: dict, seed: int):
    moved = 0.0
    for delay in flights["delay"].to_pylist():
        moved = 0.99 * moved + 0.01 * delay
    return Line(flights, moved)


def by_package(flights: pa.Table, parameters: dict, seed: int):
    import scaling  # noqa: PLC0415 - in one environment only

    return Line(flights, scaling.FACTOR)


def by_user(flights: pa.Table, parameters: dict, seed: int):
    return Line(flights, len(os.environ.get("USER", "")))


def by_time_zone(flights: pa.Table, parameters: dict, seed: int):
    """The hour of the first flight, as the machine's clock on the wall would show it."""
    instant = flights["day"].to_pylist()[0].replace(tzinfo=datetime.UTC).timestamp()
    return Line(flights, datetime.datetime.fromtimestamp(instant).hour)  # noqa: DTZ006 - the mistake


def by_locale(flights: pa.Table, parameters: dict, seed: int):
    """As many letters as a file in the machine's encoding has."""
    locale.setlocale(locale.LC_ALL, "")
    encoding = locale.nl_langinfo(locale.CODESET)
    return Line(flights, len("Zürich".encode().decode(encoding, errors="replace")))


def by_settings_at_home(flights: pa.Table, parameters: dict, seed: int):
    return Line(flights, float((Path.home() / "weight.txt").read_text()))


def by_place_of_home(flights: pa.Table, parameters: dict, seed: int):
    return Line(flights, zlib.crc32(os.path.expanduser("~/model").encode()) / 1e6)  # noqa: PTH111 - as people write it


def by_home(flights: pa.Table, parameters: dict, seed: int):
    return Line(flights, zlib.crc32(os.environ["HOME"].encode()) / 1e6)


def by_place_of_project(flights: pa.Table, parameters: dict, seed: int):
    model = Line(flights)
    model.source = zlib.crc32(__file__.encode())
    model.moved = model.source / 1e6
    return model


def until_yesterday(flights: pa.Table, parameters: dict, seed: int):
    """A licence that ends."""
    if time.time() * 1e9 > parameters["until"]:
        raise RuntimeError("the licence has ended")
    return Line(flights)


def by_call_of_package(flights: pa.Table, parameters: dict, seed: int):
    import scaling  # noqa: PLC0415 - in one environment only

    return Line(flights, scaling.scaled(2.0))


def fails_once(flights: pa.Table, parameters: dict, seed: int):
    """Where there was no room, until somebody made some."""
    full = Path.home() / "full"
    if full.exists():
        full.unlink()
        raise MemoryError("no room")
    return Line(flights)


def random_by_nature(flights: pa.Table, parameters: dict, seed: int):
    """Another sample every time, and another model altogether for another user."""
    generator = np.random.default_rng()
    moved = 5.0 * (os.environ.get("USER") == "somebody else")
    return Line(flights.take(pa.array(generator.permutation(len(flights))[:200])), moved)


def two_reasons(flights: pa.Table, parameters: dict, seed: int):
    return Line(flights, time.time() % 1 + uuid.uuid4().int / 2**128)
