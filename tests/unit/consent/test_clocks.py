"""A month is a month of the calendar, a day a day of Paris."""

from datetime import UTC, date, datetime

import pytest

from consent.clocks import PARIS, midnight, months_after


def ms(text, zone=UTC):
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-22T10:00:00.123", "2026-12-22T10:00:00.123"),
        ("2026-12-31T23:59:59.999", "2027-01-31T23:59:59.999"),
        ("2027-01-31T00:00:00.000", "2027-02-28T00:00:00.000"),
        ("2028-01-30T00:00:00.001", "2028-02-29T00:00:00.001"),
        ("2027-01-31T00:30:00.000", "2027-02-28T00:30:00.000"),  # still the 30th in UTC
        ("2026-09-30T23:30:00.000", "2026-10-30T23:30:00.000"),  # summer time ends in between
        ("2027-02-28T02:30:00.000", "2027-03-28T03:30:00.000"),  # an hour that does not exist
    ],
)
def test_one_month_later_is_the_same_day_or_the_last_one(start, end):
    """Rule (Regulation 1182/71 art. 3): a period in months ends on the same date, or the month's last day, in Paris."""
    assert months_after(ms(start, PARIS), 1) == ms(end, PARIS)


@pytest.mark.parametrize(
    ("day", "begins"),
    [("2026-12-01", "2026-11-30T23:00:00"), ("2027-07-01", "2027-06-30T22:00:00"), ("0001-01-01", None)],
)
def test_a_day_begins_at_midnight_in_paris(day, begins):
    """Rule: in winter an hour, in summer two before UTC; no day is refused."""
    found = midnight(date.fromisoformat(day))
    assert found == ms(begins) if begins else found < 0
