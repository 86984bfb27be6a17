"""A status with something of everything, made from a seed."""

import math
import random

from shipworthy.clock import DAY, from_iso
from shipworthy.contract.records import Contract, Gate, Model, Purpose, Serving
from shipworthy.dashboard.view import (
    AlertView,
    CheckView,
    DiskView,
    EvidenceView,
    LabelsView,
    Mark,
    QualityView,
    RecorderView,
    ReleaseView,
    RoleView,
    ShadowView,
    SliceView,
    StatusView,
)

START = from_iso("2013-04-01T00:00:00")
CONTRACT = Contract(
    model=Model(name="flight-delay", task="classification", train="flights:train"),
    purpose=Purpose(decision="rebook passengers", owner="operations-ml@example.com"),
    features=(),
    gate=Gate(minimum=0.62),
    serving=Serving(rate=200),
)


def evidence() -> tuple[EvidenceView, ...]:
    source = random.Random(1)
    slopes = {"temp": 0.1, "dewp": 0.08, "humid": 0.03, "wind": 0.02, "score": 0.015, "carrier": 0.0, "origin": -0.01}
    return tuple(
        EvidenceView(START + day * DAY, 1 + day // 30, name, (day % 30) * slope + source.random(), 4.2, 0.1)
        for name, slope in slopes.items()
        for day in range(60)
    )


def quality() -> tuple[QualityView, ...]:
    return tuple(
        QualityView(START + day * DAY, 1 + day // 30, 0.7 + 0.05 * math.sin(day / 5), 600, 0.71, 0.01)
        for day in range(60)
    )


MARKS = (
    Mark(START + 27 * DAY, "alarm", "temp moved by 0.41", 1),
    Mark(START + 30 * DAY, "released", "@2 beats @1: auc 0.741 against 0.722", 2),
    Mark(START + 55 * DAY, "held", "auc 0.690 is worse than the live release by 0.020", 2),
)


def status() -> StatusView:
    second = ReleaseView(
        2,
        "run-0123456789abcdef",
        True,
        "bit-identical",
        START + 30 * DAY,
        (CheckView("quality", "passed", "auc 0.741 beats the baseline"), CheckView("runtime", "waived", "not equal")),
    )
    first = ReleaseView(1, "run-aaaa456789abcdef", False, "not rebuilt", START, ())
    return StatusView(
        model="flight-delay",
        decision="rebook passengers <b>now</b>",
        owner="operations-ml@example.com",
        metric="auc",
        sla="p99 ≤ 10 ms at 200 requests/s",
        enforcement="block",
        live=second,
        previous=1,
        releases=(second, first),
        evidence=evidence(),
        quality=quality(),
        quality_words=("auc 0.71 ± 0.02 on the 600 labelled rows of 2013-05-30",),
        slices=(
            SliceView("carrier", "UA", 900, 400, 0.72, 0.01, 0.73, 0.01, 0.74, ""),
            SliceView("carrier", "HA", 9, 3, None, None, 0.7, 0.1, 0.71, "too few labels to judge by: 3 of 50"),
        ),
        marks=MARKS,
        alerts=(AlertView(START + 28 * DAY, "temp moved", "delivered"),),
        waivers=("runtime is waived until 2027-01-31 by ann: no converter",),
        promise="at most 1 false alarm a year",
        newest=START + 60 * DAY,
        running="process 123",
        waiting=("mlflow: 3 entries wait (3 run); `shipworthy sync` tells them",),
        labels=LabelsView(900, 3, ("x1", "x2"), START, "900 labels are known; 3 of them name nothing, e.g. x1, x2"),
        recorder=RecorderView(1_200, 90_000, 7.5, 600.0),
        roles=(RoleView("record", "works", START, "record works", 0.0),),
        disk=DiskView(80_000_000_000, 100_000_000_000, False, "80.0 GB of 100.0 GB are left on the disk of /srv"),
        kept="ledger: postgresql://host/name; objects: s3://bucket",
        shadow=ShadowView(3, START, True, 100, 100, 0, 0, 0, 0.3, 0.01, 0.1, 0.2, 60, 40, 2.0, "", 50, 1.0, 5, ()),
    )
