"""Legal delays counted on the calendar. Refuses nothing. Regulation (EEC, Euratom) 1182/71 art. 3."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def month_after(now: int) -> int:
    """The same day and hour of the next month, or its last day when it has no such day (ms UTC): GDPR 12(3)."""
    start = _EPOCH + timedelta(milliseconds=now)
    year, month = (start.year, start.month + 1) if start.month < 12 else (start.year + 1, 1)
    day = min(start.day, monthrange(year, month)[1])
    return (start.replace(year=year, month=month, day=day) - _EPOCH) // timedelta(milliseconds=1)
