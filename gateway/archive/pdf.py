"""The story as a PDF: real text with embedded fonts, language and title set, an outline of its sections.

reportlab writes no structure tree: the page is the rendering for screen readers, and the PDF the one to print.
"""

import io
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from gateway.archive.blocks import Block, Card, Heading, Items, Story, Text

_INK, _SOFT, _LINE = "#1b1b1f", "#55565f", "#c9cad3"
_WIDTH, _TOGETHER = 90, 16  # characters of a line; lines of a card that is not cut in two


def render(story: Story) -> bytes:
    """Write the document."""
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    fonts = Path(reportlab.__file__).parent / "fonts"
    pdfmetrics.registerFont(TTFont("Vera", fonts / "Vera.ttf"))
    pdfmetrics.registerFont(TTFont("Vera-Bold", fonts / "VeraBd.ttf"))
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
    styles = _styles()
    flow: list[Any] = [_paragraph(story.title, styles["title"])]
    for block in story.blocks:
        flow += _block(block, styles)
    document.build(flow)
    return out.getvalue()


def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    base = ParagraphStyle("text", fontName="Vera", fontSize=9.5, leading=14, textColor=_INK, spaceAfter=6)

    def style(name: str, **values: Any) -> Any:
        return ParagraphStyle(name, parent=base, **values)

    return {
        "text": base,
        "title": style("title", fontName="Vera-Bold", fontSize=20, leading=26, spaceAfter=10),
        "heading": style("heading", fontName="Vera-Bold", fontSize=13, leading=18, spaceBefore=16, keepWithNext=1),
        "card": style("card", fontName="Vera-Bold", spaceAfter=1, keepWithNext=1),
        "fact": style("fact", spaceAfter=1),
        "more": style("more", fontSize=7.5, leading=10.5, textColor=_SOFT, spaceAfter=0, wordWrap="CJK"),
        "item": style("item", leftIndent=12, bulletIndent=2, spaceAfter=2),
    }


def _block(block: Block, styles: dict[str, Any]) -> list[Any]:
    match block:
        case Heading():
            return [_paragraph(block.text, styles["heading"])]
        case Text():
            return [_paragraph(block.text, styles["text"])]
        case Items():
            return [_paragraph(item, styles["item"], bullet="•") for item in block.items]
        case Card():
            return _card(block, styles)


def _card(card: Card, styles: dict[str, Any]) -> list[Any]:
    from reportlab.platypus import HRFlowable, KeepTogether

    rule = HRFlowable(width="100%", thickness=0.5, color=_LINE, spaceBefore=5, spaceAfter=5)
    rule.keepWithNext = 1
    lines = [rule, _paragraph(card.title, styles["card"])]
    lines += [_paragraph(card.text, styles["fact"])] if card.text else []
    lines += [_paragraph(text, styles["fact"], name=name) for name, text in card.facts]
    more = " · ".join(f"{name} : {text}" for name, text in card.more)
    lines += [_paragraph(more.replace("\n", ", "), styles["more"])] if more else []
    height = sum(1 + text.count("\n") + len(text) // _WIDTH for _, text in (*card.facts, *card.more))
    return lines if height > _TOGETHER else [KeepTogether(lines)]


def _paragraph(text: str, style: Any, *, name: str = "", bullet: str | None = None) -> Any:
    from reportlab.platypus import Paragraph

    colon = "<br/>" if "\n" in text else ""
    lead = f'<font color="{_SOFT}">{escape(name)} : </font>{colon}' if name else ""
    return Paragraph(lead + escape(text).replace("\n", "<br/>"), style, bulletText=bullet)


def _outline(document: Any, flowable: Any) -> None:
    style = getattr(getattr(flowable, "style", None), "name", "")
    if style == "heading":
        key = f"s{document.canv.getPageNumber()}-{flowable.getPlainText()}"
        document.canv.bookmarkPage(key)
        document.canv.addOutlineEntry(flowable.getPlainText(), key)


def _foot(canvas: Any, document: Any) -> None:
    canvas.setFont("Vera", 8)
    canvas.drawRightString(document.pagesize[0] - document.rightMargin, 30, str(canvas.getPageNumber()))
