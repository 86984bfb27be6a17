"""Schedules: what cron understands is taken, what it would never run is refused with the field that is wrong."""

import pytest

from shipworthy.contract import cron


@pytest.mark.parametrize(
    "expression",
    [
        "0 2 * * *",
        "*/15 * * * *",
        "0 0 29 2 *",
        "5,35 8-18/2 * jan-mar,dec MON-FRI",
        "0 0 31 2 sun",
        "0 4 * * 7",
        "10/20 * * * *",
    ],
)
def test_a_schedule_is_taken(expression):
    cron.check(expression)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("0 2 * *", "it has 4 fields, not 5"),
        ("60 2 * * *", "the minute '60' is not within 0 to 59"),
        ("0 9-5 * * *", "the hour '9-5' is not within 0 to 23"),
        ("0 2 0 * *", "the day '0' is not within 1 to 31"),
        ("0 2 * mai *", "the month 'mai' is not a number"),
        ("0 2 * * 8", "the weekday '8' is not within 0 to 7"),
        ("*/0 * * * *", "the minute '\\*/0' has a step under 1"),
        ("*/x * * * *", "the minute 'x' is not a number"),
        ("²  * * * *", "the minute '²' is not a number"),
        (", * * * *", "the minute '' is not a number"),
        ("0 0 30 feb *", "there is no day 30 in such a month"),
        ("0 0 31 4,6,9,11 *", "there is no day 31 in such a month"),
    ],
)
def test_what_is_no_schedule_says_which_field_is_wrong(expression, reason):
    with pytest.raises(ValueError, match=reason):
        cron.check(expression)
