"""Legal delays and days, on the calendar of Paris. Refuses nothing. Regulation (EEC, Euratom) 1182/71 art. 3."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
"""Where the law's days begin and end for those concerned; moments are UTC everywhere else."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def months_after(now: int, months: int) -> int:
    """The same day and hour so many months later, or the last day of a shorter month (ms UTC): GDPR 12(3)."""
    start = (_EPOCH + timedelta(milliseconds=now)).astimezone(PARIS)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return _ms(start.replace(year=year, month=month + 1, day=day))


def midnight(day: date) -> int:
    """When a day begins (ms UTC)."""
    return _ms(datetime(day.year, day.month, day.day, tzinfo=PARIS))


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
