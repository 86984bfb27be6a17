"""What the world asks about a flight is what the table that the model learns from says of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shipworthy import clock
from shipworthy.contract.reading import read
from shipworthy.contract.records import Feature
from shipworthy.demo.show import example_folder
from shipworthy.demo.truth import Truth, instants
from shipworthy.demo.world import requests
from shipworthy.monitoring.skew import Skew
from shipworthy.monitoring.skew_evidence import SkewLook
from shipworthy.monitoring.watch import Facts, Watch
from shipworthy.predictions.log import LogWriter
from shipworthy.recording.recorder import Recorder
from shipworthy.serving.rows import RowFormat
from shipworthy.wiring.project import CONTRACT, open_project
from shipworthy.wiring.skew_looks import SkewLooks, skew_watch_of
from shipworthy.wiring.skewing import find_skew


def within(features: Sequence[Feature], flights: pa.Table) -> pa.Table:
    """Weather that was made up may be worse than any; here it keeps to the contract."""
    for feature in features:
        if feature.min is not None and feature.max is not None:
            kept = pc.max_element_wise(
                pc.min_element_wise(flights[feature.name], feature.max, skip_nulls=False), feature.min, skip_nulls=False
            ).cast(flights.schema.field(feature.name).type)
            flights = flights.set_column(flights.schema.get_field_index(feature.name), feature.name, kept)
    return flights


def test_flights_are_served_as_they_will_be_learnt_from(tmp_path, fortnight: pa.Table) -> None:
    """Through JSON, the server's rows, log and recorder, and back by the flights' ids: nothing differs."""
    shutil.copy(example_folder() / CONTRACT, tmp_path)
    fortnight = within(read(tmp_path / CONTRACT).features, fortnight)
    Truth(fortnight, tmp_path).tell(int(instants(fortnight, "filed_at").max()) + 1)
    project = open_project(tmp_path)
    contract, bodies = project.contract, [json.loads(body) for body in requests(fortnight)]
    rows = RowFormat(contract.features)
    asked = rows.rows([msgspec.convert(body["rows"][0], rows.type) for body in bodies])
    log = LogWriter(project.layout.logs(contract.name), "w0")
    log.open(contract.name, 1, contract.features, (False, True), contract.serving.event_time)
    answers = np.full((len(asked), 2), 0.5)
    log.append(clock.now(), len(asked), rows.columns(asked), answers, [body["id"] for body in bodies])
    log.close()
    recorder = Recorder(project.layout, contract.name, project.ledger, contract, lambda _: None)
    recorder.flush()
    recorder.close()
    found = find_skew(project, contract).decode(Skew)
    assert (found.features, found.missing, found.ambiguous) == ((), (), 0)
    assert found.compared == found.served == min(len(bodies), contract.gate.skew.newest)
    watch = Watch(project.layout, project.ledger, contract, Facts(reference_of=lambda _: None))
    looks = SkewLooks(skew_watch_of(project, watch, release=lambda: 1))
    assert looks.step() == []
    look = project.ledger.newest("skew-look", contract.name).decode(SkewLook)
    assert (look.features, look.clean, look.ambiguous) == ((), True, 0)
    assert look.rows > 0.8 * found.compared
    assert looks.step() == [], "and none within five minutes"
    project.ledger.close()
