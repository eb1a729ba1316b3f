"""The story as one HTML page that needs nothing else: no script, no outside address, readable on an old phone.

Every text is escaped. A policy inside the page forbids loading anything, should a file be tampered with afterwards.
"""

from collections.abc import Iterator, Sequence
from html import escape

from gateway.archive.blocks import Block, Card, Heading, Items, Story, Text

_STYLE = """
:root{--ink:#1b1b1f;--soft:#55565f;--line:#c9cad3;--paper:#fff;--link:#0b4f9c}
@media(prefers-color-scheme:dark){:root{--ink:#ececf1;--soft:#b7b8c3;--line:#4a4b55;--paper:#17181c;--link:#8fc1ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.55 system-ui,sans-serif}
header,main,nav{max-width:44rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.75rem;line-height:1.2;margin:1.5rem 0 .5rem}
h2{font-size:1.3rem;margin:2.5rem 0 .75rem;padding-top:.75rem;border-top:2px solid var(--line)}
h3{font-size:1.0625rem;margin:0 0 .25rem}
p{margin:0 0 .75rem}
a{color:var(--link)}
nav ul{list-style:none;padding:0;margin:1rem 0}
nav a{display:inline-block;padding:.35rem 0;min-height:1.75rem}
article{border:1px solid var(--line);border-radius:.5rem;padding:.85rem 1rem;margin:0 0 .85rem;overflow-wrap:anywhere}
article p{margin-bottom:.5rem}
dl{margin:0}
dt{color:var(--soft);font-size:.94rem;margin-top:.4rem}
dd{margin:0;white-space:pre-line}
summary{cursor:pointer;margin-top:.6rem;padding:.3rem 0;color:var(--link)}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.5rem}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
@media print{nav,.skip{display:none}article{break-inside:avoid}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(story: Story, *, other: tuple[str, str]) -> str:
    """Write the page; `other` are file and name of the other language."""
    fr = story.lang == "fr"
    skip, contents, more = (
        ("Aller au texte", "Sommaire", "En savoir plus") if fr else ("To the text", "Contents", "More")
    )
    file, name = other
    language = "en" if fr else "fr"
    return "".join(
        (
            f'<!doctype html>\n<html lang="{story.lang}">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n',
            f"<title>{escape(story.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n",
            f'<a class="skip" href="#text">{skip}</a>\n<header>\n<h1>{escape(story.title)}</h1>\n',
            f'<p><a href="{escape(file)}" lang="{language}" hreflang="{language}">{escape(name)}</a></p>\n</header>\n',
            f'<nav aria-label="{contents}">\n<ul>\n{"".join(_links(story))}</ul>\n</nav>\n',
            f'<main id="text" tabindex="-1">\n{"".join(_blocks(story.blocks, more))}</main>\n</body>\n</html>\n',
        )
    )


def _links(story: Story) -> Iterator[str]:
    for block in story.blocks:
        if isinstance(block, Heading):
            yield f'<li><a href="#{block.id}">{escape(block.text)}</a></li>\n'


def _blocks(blocks: Sequence[Block], more: str) -> Iterator[str]:
    for block in blocks:
        match block:
            case Heading():
                yield f'<h2 id="{block.id}">{escape(block.text)}</h2>\n'
            case Text():
                yield f"<p>{escape(block.text)}</p>\n"
            case Items():
                yield "<ul>\n" + "".join(f"<li>{escape(item)}</li>\n" for item in block.items) + "</ul>\n"
            case Card():
                yield "".join(_card(block, more))


def _card(card: Card, more: str) -> Iterator[str]:
    yield f"<article>\n<h3>{escape(card.title)}</h3>\n"
    if card.text:
        yield f"<p>{escape(card.text)}</p>\n"
    if card.facts:
        yield _facts(card.facts)
    if card.more:
        yield f"<details><summary>{more}</summary>\n{_facts(card.more)}</details>\n"
    yield "</article>\n"


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return "<dl>\n" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>\n" for name, text in facts) + "</dl>\n"
