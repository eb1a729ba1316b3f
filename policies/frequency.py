"""In which calendar window (UTC) a use of an exchange counts. The counts themselves are kept elsewhere."""

from datetime import UTC, datetime

from policies.model import Exchange

_LENGTHS = {"day": 10, "month": 7, "year": 4}


def window(exchange: Exchange, now: int) -> str:
    """Give the key of the window: the exchange and its day, month or year, e.g. `orientation-rsa-caf:2026-11`."""
    day = datetime.fromtimestamp(now // 1000, tz=UTC).date().isoformat()
    return f"{exchange.id}:{day[: _LENGTHS[exchange.unit]]}"
