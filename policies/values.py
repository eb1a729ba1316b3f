"""Whether a value is what the vocabulary says it is. A value of another type is not corrected: it does not leave."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from policies.obligations import is_date
from policies.vocabulary import FieldType

_SAFE_INTEGER: Final = 2**53 - 1
_MAX_TEXT: Final = 4096
_DATETIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _is_text(value: Any) -> bool:
    if type(value) is not str or len(value) > _MAX_TEXT:
        return False
    # no JSON may carry a lone surrogate
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _is_datetime(value: Any) -> bool:
    if type(value) is not str or not _DATETIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


CHECKS: Final[Mapping[FieldType, Callable[[Any], bool]]] = {
    FieldType.BOOL: lambda value: type(value) is bool,
    FieldType.INT: lambda value: type(value) is int and abs(value) <= _SAFE_INTEGER,
    FieldType.STR: _is_text,
    FieldType.DATE: lambda value: type(value) is str and is_date(value),
    FieldType.DATETIME: _is_datetime,
}
