"""One alarm an episode; another when the drift went away and came back, or when an answer to it changed nothing."""

import pytest

from shipworthy.monitoring.rearming import Raised, verdict

OVER, CALM = 1.0, -3.0


@pytest.mark.parametrize(
    ("standing", "raised", "expected"),
    [
        ([CALM], [], "quiet"),
        ([OVER], [], "first"),
        ([OVER, OVER], [Raised(1, None)], "quiet"),
        ([OVER, -1.0, OVER], [Raised(1, None)], "quiet"),
        ([OVER, CALM, OVER], [Raised(1, None)], "first"),
        ([OVER] * 4, [Raised(1, 2)], "quiet"),
        ([OVER] * 12, [Raised(1, 2)], "again"),
        ([OVER] * 11 + [CALM], [Raised(1, 2)], "quiet"),
        ([OVER] * 12, [Raised(1, 2), Raised(12, None)], "quiet"),
        ([OVER] * 13, [Raised(1, 2), Raised(12, None)], "quiet"),
        ([OVER] * 30, [Raised(1, 2), Raised(12, 14)], "again"),
    ],
)
def test_what_the_newest_window_calls_for(standing, raised, expected):
    windows = [(end, strength) for end, strength in enumerate(standing, 1)]
    assert verdict(windows, raised, wait=10, fallen=2.0) == expected
