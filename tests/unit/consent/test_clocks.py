"""A month is a month of the calendar."""

from datetime import UTC, datetime

import pytest

from consent.clocks import month_after


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-22T10:00:00.123", "2026-12-22T10:00:00.123"),
        ("2026-12-31T23:59:59.999", "2027-01-31T23:59:59.999"),
        ("2027-01-31T00:00:00.000", "2027-02-28T00:00:00.000"),
        ("2028-01-30T00:00:00.001", "2028-02-29T00:00:00.001"),
    ],
)
def test_one_month_later_is_the_same_day_or_the_last_one(start, end):
    """Rule (Regulation 1182/71 art. 3): a period in months ends on the same date, or the month's last day."""

    def ms(text):
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)

    assert month_after(ms(start)) == ms(end)
