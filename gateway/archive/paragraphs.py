"""Paragraphs of a PDF, set without doing the same twice; the document comes out the same, byte for byte.

reportlab parses the markup of each paragraph, breaks it into lines each time a place is tried for it, and measures each
word each time. Here plain words take the fragments of a pattern parsed once per style, lines are kept for the width
they were broken to, and the width of a word until the document is done: no word of it stays. Whatever is not plain
words, one blank apart, is parsed. One document at a time: a font keeps its place while it is read.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

_SOFT = "#55565f"
_LOCK = Lock()
_PLAIN = re.compile(r"(?:[^\s\u200b&<>]|\xa0)+(?: (?:[^\s\u200b&<>]|\xa0)+)*")
_BASE = ParagraphStyle("text", fontName="Vera", fontSize=9.5, leading=14, textColor=HexColor("#1b1b1f"), spaceAfter=6)


def _style(name: str, **values: Any) -> Any:
    return ParagraphStyle(name, parent=_BASE, **values)


_STYLES = {
    each.name: each
    for each in (
        _BASE,
        _style("title", fontName="Vera-Bold", fontSize=20, leading=26, spaceAfter=10),
        _style("heading", fontName="Vera-Bold", fontSize=13, leading=18, spaceBefore=16, keepWithNext=1),
        _style("card", fontName="Vera-Bold", spaceAfter=1, keepWithNext=1),
        _style("fact", spaceAfter=1),
        _style("more", fontSize=7.5, leading=10.5, textColor=HexColor(_SOFT), spaceAfter=0, wordWrap="CJK"),
        _style("item", leftIndent=12, bulletIndent=2, spaceAfter=2),
    )
}


class _Font(TTFont):  # type: ignore[misc]  # untyped
    """A font that measures a word once in a document."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name, file)
        self.widths: dict[tuple[str, float], float] = {}

    def stringWidth(self, text: str, size: float, encoding: str = "utf8") -> float:  # noqa: N802  reportlab's name
        """Give the width of a text."""
        found = self.widths.get((text, size))
        if found is None:
            found = self.widths[text, size] = super().stringWidth(text, size, encoding)
        return found


class _Lines(Paragraph):  # type: ignore[misc]  # untyped
    """A paragraph that is broken into lines once for a width, however many places are tried for it."""

    _broken: tuple[float, tuple[float, float]] | None = None

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Give its size."""
        if self._broken is None or self._broken[0] != width or not hasattr(self, "blPara"):  # split() takes it away
            self._broken = width, super().wrap(width, height)
        return self._broken[1]


@contextmanager
def setting() -> Iterator[None]:
    """Set one document."""
    with _LOCK:
        fonts = _fonts()
        try:
            yield
        finally:
            for font in fonts:
                font.widths.clear()


def paragraph(text: str, style: str, *, name: str = "", bullet: str | None = None) -> Any:
    """Set a text, its `name` before it; a line of its own for each line."""
    lines = text.split("\n")
    if all(_PLAIN.fullmatch(each) for each in (*lines, name or "-")):
        return _Lines("", _STYLES[style], bulletText=bullet, frags=_fragments(lines, style, name))
    return _Lines(_markup(text, name), _STYLES[style], bulletText=bullet)


def _markup(text: str, name: str) -> str:
    colon = "<br/>" if "\n" in text else ""
    lead = f'<font color="{_SOFT}">{escape(name)} : </font>{colon}' if name else ""
    return lead + escape(text).replace("\n", "<br/>")


def _fragments(lines: list[str], style: str, name: str) -> list[Any]:
    lead, turn, words = _pattern(style)
    found = [words.clone(text=lines[0])]
    for line in lines[1:]:
        found += [turn.clone(), words.clone(text=line)]
    if name and len(lines) > 1:
        found.insert(0, turn.clone())
    return [lead.clone(text=f"{name} : "), *found] if name else found


@cache
def _pattern(style: str) -> tuple[Any, Any, Any]:
    """What the parser makes of a name, the end of a line, and words."""
    lead, turn, words = Paragraph(f'<font color="{_SOFT}">a</font><br/>b', _STYLES[style]).frags
    return lead, turn, words


@cache
def _fonts() -> tuple[_Font, ...]:
    folder = Path(reportlab.__file__).parent / "fonts"
    fonts = _Font("Vera", folder / "Vera.ttf"), _Font("Vera-Bold", folder / "VeraBd.ttf")
    for font in fonts:
        pdfmetrics.registerFont(font)
    return fonts
