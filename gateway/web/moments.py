"""Dates as people read them: Paris time, in the page's language."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from gateway.web.view import Lang

PARIS = ZoneInfo("Europe/Paris")
_LOCALES = {"fr": "fr_FR", "en": "en_GB"}


def local(milliseconds: int) -> datetime:
    """A moment in Paris."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(PARIS)


def paris(milliseconds: int, lang: Lang) -> str:
    """Date and hour: `22 novembre 2026 à 11:30`."""
    at, word = local(milliseconds), "à" if lang == "fr" else "at"
    return format_datetime(at, f"{_date(at, lang)} '{word}' HH:mm", locale=_LOCALES[lang])


def day(milliseconds: int, lang: Lang) -> str:
    """The date: `22 novembre 2026`."""
    at = local(milliseconds)
    return format_date(at.date(), _date(at, lang), locale=_LOCALES[lang])


def utc(milliseconds: int) -> str:
    """ISO 8601, for `datetime` attributes and exports."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def month(milliseconds: int, lang: Lang) -> str:
    """The month: `novembre 2026`."""
    return format_date(local(milliseconds).date(), "MMMM y", locale=_LOCALES[lang])


def _date(at: datetime, lang: Lang) -> str:
    """How a date is written; the first of a month is « 1er » in French."""
    return "'1er' MMMM y" if lang == "fr" and at.day == 1 else "d MMMM y"
