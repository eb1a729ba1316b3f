"""One line per request, in JSON, on standard error.

Never in a line: a person's name or identifier, a query string, a header, a body, an exception's own text.
"""

import logging
import sys
from types import TracebackType
from typing import Any

import orjson
import structlog


def configure() -> None:
    """Bind structlog once: JSON lines, UTC time, no formatting of exceptions beyond class and place."""
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(20),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _render,
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
    )
    logging.basicConfig(handlers=[_Lines()], level=logging.WARNING, force=True)


class _Lines(logging.Handler):
    """What libraries log, in the same form. Only our own and the server's words are repeated: the others may quote."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        spoken = record.name.startswith(("audit.", "gateway.", "uvicorn"))
        told = {"message": record.getMessage()} if spoken else {}
        if record.exc_info and record.exc_info[1] is not None:
            told["where"] = " ".join(place(record.exc_info[1]))
        structlog.get_logger().log(record.levelno, "log", logger=record.name, **told)


def _render(_logger: Any, _method: str, event: Any) -> bytes:
    return orjson.dumps(event, default=_kind)


def _kind(value: object) -> str:
    """What cannot be rendered is named by its type: its text could hold anything."""
    return type(value).__name__


def place(error: BaseException) -> list[str]:
    """Class of the error and the places it passed: never its message, which may quote a value."""
    frames: list[str] = [type(error).__name__]
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return frames[:24]
