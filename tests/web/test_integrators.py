"""What integrators read and try: the API in Swagger UI, the guides, the sandbox's people, the page of an error."""

import re

import httpx
import pytest

from connectors.sandbox.people import load as load_people
from gateway.web.integrators import ROOT, SHELVES, _people
from tests.web.conftest import Portal
from tests.web.measure import check, violations

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

PAGES = ("/docs/guides", "/docs/guides/tutorial/quick-start", "/docs/people", "/errors/not_found")


async def test_swagger_ui_shows_the_api_from_our_own_address_alone(portal: Portal) -> None:
    """Every operation is there; nothing is loaded from elsewhere; the console is silent."""
    page = await portal.page(width=1280)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{portal.url}/docs")
    await page.locator(".opblock").first.wait_for()
    async with httpx.AsyncClient(base_url=portal.url) as http:
        description = (await http.get("/openapi.yaml")).text
    assert await page.locator(".opblock").count() == len(re.findall(r"operationId:", description))
    assert said == []
    assert {url.split("/", 3)[2] for url in asked if url.startswith("http")} == {portal.url.split("//")[1]}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_of_the_documentation_can_be_used_by_everybody(portal: Portal, path: str) -> None:
    page = await portal.page()
    answer = await page.goto(portal.url + path)
    assert answer is not None
    assert answer.status == 200
    await check(page, lang="en")


async def test_every_guide_opens_and_its_links_lead_somewhere(portal: Portal) -> None:
    """A link between two files of the documentation is a link between two pages."""
    async with httpx.AsyncClient(base_url=portal.url) as http:
        for shelf in SHELVES:
            for path in sorted((ROOT / shelf).glob("*.md")):
                answer = await http.get(f"/docs/guides/{shelf}/{path.stem}")
                assert answer.status_code == 200, path.name
                for link in set(re.findall(r'href="(\.\.?/[^"#]*|[a-z0-9-]+\.md)', answer.text)):
                    url = httpx.URL(f"{portal.url}/docs/guides/{shelf}/{path.stem}").join(link)
                    if url.path.startswith("/docs/guides/") and "." not in url.path.removesuffix(".md"):
                        assert (await http.get(url)).status_code == 200, f"{path.name}: {link}"


async def test_an_error_is_a_page_for_a_browser_and_text_for_a_program(portal: Portal) -> None:
    async with httpx.AsyncClient(base_url=portal.url) as http:
        assert (await http.get("/errors/not_found")).headers["content-type"].startswith("text/markdown")
        page = await http.get("/errors/not_found", headers={"Accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        denied = (await http.get("/errors/exchange_denied", headers={"Accept": "text/html"})).text
        assert "<code>reasons</code> says why" in denied
        for path in ("/errors/nothing", "/docs/guides/how-to/nothing", "/docs/guides/secret/x", "/docs/ui/x.js"):
            assert (await http.get(path)).status_code == 404


async def test_the_people_of_the_sandbox_are_read_once(portal: Portal) -> None:
    """Their files are checked for the first reader; each of them is on the page for everybody."""
    async with httpx.AsyncClient(base_url=portal.url) as http:
        first, second = [(await http.get("/docs/people")).text for _ in range(2)]
    assert [name for name in load_people() if f"<code>{name}</code>" not in first] == []
    assert first == second
    assert _people.cache_info().misses == 1


async def test_a_word_of_code_stays_whole_in_a_table(portal: Portal) -> None:
    """On a telephone the table moves within its frame; no column is one letter wide."""
    page = await portal.page(width=360)
    await page.goto(f"{portal.url}/docs/people")
    cell = page.locator("th code", has_text="amina-delorme")
    assert await cell.evaluate("each => each.getClientRects().length") <= 2  # it may break at its hyphen
    await check(page, lang="en")


async def test_guides_have_no_violation_when_wide(portal: Portal) -> None:
    page = await portal.page(width=1280)
    await page.goto(f"{portal.url}/docs/guides/reference/oauth")
    assert await violations(page) == []
