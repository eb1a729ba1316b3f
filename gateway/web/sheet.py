"""A table for a spreadsheet: UTF-8 that begins with its mark, CRLF (RFC 4180), no cell that is taken for a formula.

Excel and LibreOffice run a cell that begins with one of `_FORMULA`; an apostrophe before it makes it a text (OWASP, CSV
Injection). French spreadsheets read `;` between cells, others `,`.
"""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def sheet(lines: Iterable[Sequence[object]], *, separator: str = ",") -> bytes:
    """Write it, its heading being the first line."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerows([cell(str(each)) for each in line] for line in lines)
    return out.getvalue().encode("utf-8-sig")


def cell(text: str) -> str:
    """A cell no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
