"""The parts of a text to read, whatever shows them: a page, a PDF."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """Opens a section; `id` is its place in the page."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One thing among many of its kind: its title, a sentence, facts; `more` is technical."""

    title: str
    text: str
    facts: tuple[tuple[str, str], ...]
    more: tuple[tuple[str, str], ...] = ()


Block = Heading | Text | Items | Card


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One rendering's content."""

    lang: str
    title: str
    blocks: tuple[Block, ...]
