"""The story as a PDF: real text with embedded fonts, language and title set, an outline of its sections.

reportlab writes no structure tree: the page is the rendering for screen readers, and the PDF the one to print.
"""

import io
from typing import Any

from gateway.archive.blocks import Block, Card, Heading, Items, Story, Text

_LINE = "#c9cad3"
_WIDTH, _TOGETHER = 90, 16  # characters of a line; lines of a card that is not cut in two


def render(story: Story) -> bytes:
    """Write the document. It takes a while: not on the event loop."""
    from gateway.archive.paragraphs import setting

    with setting():
        return _written(story)


def _written(story: Story) -> bytes:
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    from gateway.archive.paragraphs import paragraph

    out = io.BytesIO()
    width, height, margin = 595.28, 841.89, 56.7
    document = BaseDocTemplate(
        out, pagesize=(width, height), leftMargin=margin, rightMargin=margin, topMargin=margin, bottomMargin=margin,
        title=story.title, author="Passerelle", subject=story.title, lang="fr-FR" if story.lang == "fr" else "en-GB",
        displayDocTitle=True, invariant=1,
    )  # fmt: skip
    frame = Frame(margin, margin, width - 2 * margin, height - 2 * margin, id="text", showBoundary=0)
    document.addPageTemplates(PageTemplate(id="page", frames=[frame], onPage=_foot))
    document.afterFlowable = lambda flowable: _outline(document, flowable)
    flow: list[Any] = [paragraph(story.title, "title")]
    for block in story.blocks:
        flow += _block(block)
    document.build(flow)
    return out.getvalue()


def _block(block: Block) -> list[Any]:
    from gateway.archive.paragraphs import paragraph

    match block:
        case Heading():
            return [paragraph(block.text, "heading")]
        case Text():
            return [paragraph(block.text, "text")]
        case Items():
            return [paragraph(item, "item", bullet="•") for item in block.items]
        case Card():
            return _card(block)


def _card(card: Card) -> list[Any]:
    from reportlab.platypus import HRFlowable, KeepTogether

    from gateway.archive.paragraphs import paragraph

    rule = HRFlowable(width="100%", thickness=0.5, color=_LINE, spaceBefore=5, spaceAfter=5)
    rule.keepWithNext = 1
    lines = [rule, paragraph(card.title, "card")]
    lines += [paragraph(card.text, "fact")] if card.text else []
    lines += [paragraph(text, "fact", name=name) for name, text in card.facts]
    more = " · ".join(f"{name} : {text}" for name, text in card.more)
    lines += [paragraph(more.replace("\n", ", "), "more")] if more else []
    height = sum(1 + text.count("\n") + len(text) // _WIDTH for _, text in (*card.facts, *card.more))
    return lines if height > _TOGETHER else [KeepTogether(lines)]


def _outline(document: Any, flowable: Any) -> None:
    style = getattr(getattr(flowable, "style", None), "name", "")
    if style == "heading":
        key = f"s{document.canv.getPageNumber()}-{flowable.getPlainText()}"
        document.canv.bookmarkPage(key)
        document.canv.addOutlineEntry(flowable.getPlainText(), key)


def _foot(canvas: Any, document: Any) -> None:
    canvas.setFont("Vera", 8)
    canvas.drawRightString(document.pagesize[0] - document.rightMargin, 30, str(canvas.getPageNumber()))
