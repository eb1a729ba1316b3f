"""In which calendar window (UTC) a use of an exchange counts. The counts themselves are kept elsewhere."""

from datetime import date
from functools import lru_cache

from policies.model import DAY_MS, EPOCH_DAY, Exchange

_LENGTHS = {"day": 10, "month": 7, "year": 4}


def window(exchange: Exchange, now: int) -> str:
    """Give the key of the window: the exchange and its day, month or year, e.g. `orientation-rsa-caf:2026-11`."""
    return f"{exchange.id}:{_day(now // DAY_MS)[: _LENGTHS[exchange.unit]]}"


@lru_cache(maxsize=4)
def _day(number: int) -> str:
    return date.fromordinal(EPOCH_DAY + number).isoformat()
