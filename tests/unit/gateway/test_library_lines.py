"""What loggers of libraries and of our own say on the way to the gateway's lines."""

import logging

import pytest
from structlog.testing import capture_logs

from gateway.logging import _Lines


@pytest.mark.parametrize(
    ("logger", "repeated"),
    [("audit.publisher", True), ("gateway.signals.delivery", True), ("uvicorn.error", True), ("aiohttp.client", False)],
)
def test_our_own_words_are_repeated_and_others_are_not(*, logger: str, repeated: bool) -> None:
    """A library may quote an address with its query; where it spoke is told, not what it said."""
    record = logging.LogRecord(logger, logging.ERROR, __file__, 1, "webhook %s is disabled", ("1f",), None)
    with capture_logs() as lines:
        _Lines().emit(record)
    assert lines[0]["logger"] == logger
    assert lines[0].get("message") == ("webhook 1f is disabled" if repeated else None)
