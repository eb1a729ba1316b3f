"""`/docs`: the API to read and try (Swagger UI from our own address), the guides, the sandbox's people, the errors.

In English, as everything for developers. The guides are the files of `docs/`, unchanged.
"""

import asyncio
import importlib.util
import re
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.people import load as load_people
from gateway.problem_table import PROBLEMS
from gateway.problems import Refusal, page
from gateway.web.templates import render

ROOT = Path(__file__).parent / "guides"  # a link to `docs/`: a wheel holds the files themselves
SHELVES = ("tutorial", "how-to", "reference", "explanation", "adr")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,80}(\.md)?")
_FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
_START = b"""window.ui = SwaggerUIBundle({url: "/openapi.yaml", dom_id: "#api", deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis], validatorUrl: null, persistAuthorization: false})
"""
_SCRIPTED = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
_SCROLL = '<div class="scroll" tabindex="0" role="region" aria-label="Table {}">'
_KEPT = {"Cache-Control": "public, max-age=86400"}


async def get_api(request: Request) -> Response:
    """Swagger UI. The one page with a script: it sets styles itself, so its policy allows them, and nothing else."""
    response = render(request, "docs/api.html", shelves=_shelves())
    response.headers["Content-Security-Policy"] = _SCRIPTED
    return response


async def get_file(request: Request) -> Response:
    """A file of Swagger UI."""
    name = request.path_params["file"]
    if name not in _FILES:
        raise Refusal("not_found")
    content = _START if name == "start.js" else (_swagger() / name).read_bytes()
    return Response(content, headers=_KEPT, media_type=_FILES[name])


async def get_guide(request: Request) -> Response:
    """A page of the documentation."""
    shelf, name = request.path_params["shelf"], request.path_params["name"]
    if shelf not in SHELVES or not _NAME.fullmatch(name):
        raise Refusal("not_found")
    path = ROOT / shelf / f"{name.removesuffix('.md')}.md"
    if not path.is_file():
        raise Refusal("not_found")
    text = path.read_text("utf-8")
    return render(request, "docs/guide.html", title=_title(text), content=_rendered(text), shelves=_shelves())


async def get_guides(request: Request) -> Response:
    """Every guide by its title."""
    return render(request, "docs/guides.html", shelves=_shelves())


async def get_people(request: Request) -> Response:
    """The fictional people of the sandbox: one per situation."""
    people = await asyncio.to_thread(_people)  # reading and checking their files takes most of a second, once
    return render(request, "docs/people.html", people=people, shelves=_shelves())


async def get_error_page(request: Request) -> Response:
    """What a code means and what to do: a page for a browser, Markdown for everybody else."""
    code = request.path_params["code"]
    if code not in PROBLEMS:
        raise Refusal("not_found")
    if "text/html" not in request.headers.get("accept", ""):
        return Response(page(code), media_type="text/markdown")
    row, inline = PROBLEMS[code], _markdown().renderInline
    told = {"meaning": inline(row.meaning), "remedy": inline(row.remedy)}
    return render(request, "docs/error.html", code=code, row=row, **told, shelves=_shelves())


def routes() -> list[Route]:
    """The addresses."""
    return [
        Route("/docs", get_api, methods=["GET"]),
        Route("/docs/ui/{file}", get_file, methods=["GET"]),
        Route("/docs/guides", get_guides, methods=["GET"]),
        Route("/docs/guides/{shelf}/{name}", get_guide, methods=["GET"]),
        Route("/docs/people", get_people, methods=["GET"]),
        Route("/errors/{code}", get_error_page, methods=["GET"]),
    ]


@cache
def _swagger() -> Path:
    """Its files, without importing the package they come in."""
    found = importlib.util.find_spec("fastapi_swagger")
    if found is None or found.origin is None:
        raise Refusal("not_found")
    return Path(found.origin).parent / "resources"


@cache
def _shelves() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """By shelf, the path and title of each page."""
    return tuple(
        (
            shelf,
            tuple(
                (f"/docs/guides/{shelf}/{path.stem}", _title(path.read_text("utf-8")))
                for path in sorted((ROOT / shelf).glob("*.md"))
            ),
        )
        for shelf in SHELVES
    )


@cache
def _people() -> tuple[tuple[str, str, str], ...]:
    """Identifier, name and situation of each."""
    return tuple(
        (name, f"{one.given_names[0]} {one.family_name}", one.summary["en"])
        for name, one in sorted(load_people().items())
    )


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def _rendered(text: str) -> str:
    """HTML of our own files: tables can be moved sideways by keyboard, code too."""
    html = str(_markdown().render(text)).replace("<pre>", '<pre tabindex="0">').replace("<th></th>", "<td></td>")
    first, *tables = html.split("<table>")
    numbered = (f"{_SCROLL.format(number)}<table>{part}" for number, part in enumerate(tables, 1))
    return (first + "".join(numbered)).replace("</table>", "</table></div>")


def _title(text: str) -> str:
    """The first heading, without its marks."""
    return text.split("\n", 1)[0].lstrip("# ").replace("`", "")
