"""Bar and line charts as plain SVG: no library, readable as text, the same bytes for the same figures."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _LEFT, _BAR, _GAP = 720, 210, 18, 7
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'
_COLOURS = {
    "direct": "#c9ccd1",
    "httpx": "#b0554f",
    "aiohttp": "#d99a4e",
    "bytes": "#e3c27d",
    "sqlite": "#2f6f8f",
    "postgresql": "#4f9a94",
}
_PALETTE = ("#2f6f8f", "#4f9a94", "#86b875", "#d9c15e", "#d99a4e", "#b0554f", "#84608f", "#6c7480", "#a9b0b8")

Group = tuple[str, Sequence[tuple[str, str, float]]]
"""A title, and bars: kind (for the colour), label, value."""


def bars(title: str, groups: Sequence[Group], *, unit: str, mark: tuple[float, str] | None = None) -> str:
    """Horizontal bars in groups that share one scale; `mark` draws a line at a value."""
    values = [value for _, rows in groups for _, _, value in rows]
    most = max([*values, mark[0] if mark else 0]) * 1.12 or 1
    scale = (_WIDTH - _LEFT - 70) / most
    parts: list[str] = []
    y = 48
    for name, rows in groups:
        parts.append(_text(12, y, name, weight="bold"))
        y += 10
        for kind, label, value in rows:
            colour = _COLOURS.get(kind, _PALETTE[0])
            parts.append(_text(_LEFT - 8, y + 13, label, anchor="end"))
            parts.append(_box(_LEFT, y, value * scale, colour))
            parts.append(_text(_LEFT + value * scale + 6, y + 13, f"{value:,.4g} {unit}".rstrip()))
            y += _BAR + _GAP
        y += 22
    if mark:
        x = _LEFT + mark[0] * scale
        parts.append(f'<path d="M{x:.1f} 40V{y - 20}" stroke="#333" stroke-dasharray="4 3" fill="none"/>')
        parts.append(_text(x + 4, 38, mark[1]))
    return _page(title, y, parts)


def stacked(title: str, rows: Sequence[tuple[str, Mapping[str, float]]], *, unit: str) -> str:
    """One bar per row, cut into named parts; parts below 3 % of the longest bar are told in the table only."""
    most = max(sum(parts.values()) for _, parts in rows) or 1
    scale = (_WIDTH - 40) / most
    names = list(dict.fromkeys(name for _, parts in rows for name in parts))
    out: list[str] = []
    y = 48
    for label, parts in rows:
        out.append(_text(12, y, f"{label}: {sum(parts.values()):,.0f} {unit}", weight="bold"))
        x, y = 12.0, y + 8
        for name, value in parts.items():
            out.append(_box(x, y, value * scale, _colour(names, name), high=30, title=f"{name}: {value:,.0f} {unit}"))
            if value > most * 0.05:
                out.append(_text(x + 4, y + 19, f"{value:,.0f}", colour="#fff"))
            x += value * scale
        y += 58
    for number, name in enumerate(names):
        column, row = number % 4, number // 4
        out.append(_box(12 + column * 175, y + row * 20, 12, _colour(names, name), high=12))
        out.append(_text(30 + column * 175, y + 11 + row * 20, name))
    return _page(title, y + 20 * (len(names) // 4 + 1), out)


Line = tuple[str, Sequence[tuple[float, float]]]
"""Kind (for the colour and the legend), and points."""


def lines(title: str, series: Sequence[Line], *, across: str, unit: str) -> str:
    """Lines over powers of ten; the vertical axis begins at zero."""
    most = max((value for _, points in series for _, value in points), default=1)
    powers = [math.log10(place) for _, points in series for place, _ in points]
    low, high = min(powers, default=0), max(powers, default=1)

    def x(place: float) -> float:
        return 110 + (math.log10(place) - low) / ((high - low) or 1) * 550

    def y(value: float) -> float:
        return 300 - value / most * 220

    out = ['<path d="M70 60V300H690" stroke="#999" fill="none"/>', _text(690, 336, across, anchor="end")]
    out += [_text(64, y(most * part / 4) + 4, f"{most * part / 4:,.0f}", anchor="end") for part in range(5)]
    marks = [10**power for power in range(math.ceil(low), math.floor(high) + 1)]
    out += [_text(x(mark), 318, f"{mark:,}", anchor="middle") for mark in marks]
    for number, (kind, points) in enumerate(series):
        colour = _COLOURS.get(kind, _PALETTE[0])
        path = "L".join(f"{x(place):.1f} {y(value):.1f}" for place, value in points)
        out.append(f'<path d="M{path}" stroke="{colour}" stroke-width="2" fill="none"/>')
        out += [_text(x(place), y(value) - 8, f"{value:,.0f}", anchor="middle") for place, value in points]
        out += [_box(70 + number * 200, 342, 12, colour, high=12), _text(88 + number * 200, 352, f"{kind}, {unit}")]
    return _page(title, 366, out)


def _colour(names: Sequence[str], name: str) -> str:
    number = names.index(name)
    return _PALETTE[number % len(_PALETTE)]


def _box(x: float, y: float, wide: float, colour: str, *, high: int = _BAR, title: str = "") -> str:
    told = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{y}" width="{max(wide, 0.5):.1f}" height="{high}" fill="{colour}">{told}</rect>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", colour: str = "#222") -> str:
    style = f'{_FONT} font-weight="{weight}" text-anchor="{anchor}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y}" {style}>{escape(text)}</text>'


def _page(title: str, high: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {high:.0f}" role="img">'
    back = f'<rect width="{_WIDTH}" height="{high:.0f}" fill="#fff"/>'
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", back, _text(12, 22, title, weight="bold"), *parts, "</svg>", ""]
    )
