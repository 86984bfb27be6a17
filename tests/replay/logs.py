"""Small logs of predictions of known make."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

DAY = 86_400_000_000  # µs
FIRST = datetime(2021, 1, 1, tzinfo=UTC)
ROWS = 60  # a day


def log(days=120, moves=70, rows=ROWS, seed=7):
    """A log of `days` days; from day `moves` on ages are higher, and the score says less of the truth."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    moved = day >= moves
    age = np.round(rng.normal(40 + 18 * moved, 9), 1)
    plan = rng.choice(["basic", "extra", "most"], len(day), p=[0.6, 0.3, 0.1])
    chance = 1 / (1 + np.exp(-(age - 40) / 6))
    truth = rng.random(len(day)) < np.where(moved, 0.5, chance)
    start = int(FIRST.timestamp() * 1e6)
    when = start + day * DAY + rng.integers(0, DAY, len(day))
    return pa.table(
        {
            "at": pa.array(when).cast(pa.timestamp("us", "UTC")),
            "age": age,
            "plan": plan,
            "score": chance,
            "churned": truth,
        }
    )
