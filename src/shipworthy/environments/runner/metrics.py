"""What a training says about itself in numbers."""

from __future__ import annotations

import math
from typing import Any


def metric(name: str, value: Any) -> float:
    """A metric as a number. TypeError, ValueError naming it where it is none, or no finite one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"the metric {name} is {value!r}; expected a finite number") from None
    if not math.isfinite(number):
        raise ValueError(f"the metric {name} is {number}; expected a finite number")
    return number
