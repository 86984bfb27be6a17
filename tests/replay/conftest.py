"""One log for all, and a quick way to replay one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from replay.logs import log

from shipworthy.replay.records import Replay
from shipworthy.replay.roles import Asked
from shipworthy.wiring.replaying import Settings, watch_log

REFERENCE = "2021-01-01..2021-02-14"  # 45 days


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return log()


@pytest.fixture
def replayed(tmp_path: Path) -> Callable[..., Replay]:
    """Replays a table, or a location, in a folder without a contract."""

    def run(rows: pa.Table | str, *, asked: Asked | None = None, **settings: Any) -> Replay:
        location = rows
        if isinstance(rows, pa.Table):
            location = str(tmp_path / "log.parquet")
            pq.write_table(rows, location)
        wanted = Settings(**{"reference": REFERENCE, **settings})
        return watch_log(tmp_path, str(location), asked or Asked(label=None), wanted, lambda _step, _share: None)

    return run
