"""What the gateway is compared with: pass-throughs written in the usual way, which check and record nothing.

    python -m bench.passthrough httpx|aiohttp|bytes PORT SOURCE

`httpx`: FastAPI and one shared httpx.AsyncClient; `aiohttp`: FastAPI and one shared ClientSession. Both parse the
source's JSON and let FastAPI write it again. `bytes`: aiohttp, the source's bytes handed on unparsed, the strongest
reference. `/one` makes one call, `/three` makes three at once. Same uvicorn settings as the gateway.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import uvicorn
from fastapi import FastAPI, Request, Response

ONE = "/v3/dss/quotient_familial/identite"
THREE = (ONE, "/v3/dss/revenu_solidarite_active/identite", "/v3/dss/complementaire_sante_solidaire/identite")
_HEADERS = {"Authorization": "Bearer bench"}


def over_httpx(source: str) -> FastAPI:
    """FastAPI and httpx."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=source, headers=_HEADERS) as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan)

    async def get(path: str, request: Request) -> Any:
        answer = await request.app.state.client.get(path, params=request.query_params)
        answer.raise_for_status()
        return answer.json()

    @app.get("/one")
    async def one(request: Request) -> Any:
        return await get(ONE, request)

    @app.get("/three")
    async def three(request: Request) -> Any:
        return await asyncio.gather(*(get(path, request) for path in THREE))

    return app


def over_aiohttp(source: str) -> FastAPI:
    """FastAPI and aiohttp."""
    app = FastAPI(lifespan=_session(source))

    async def get(path: str, request: Request) -> Any:
        async with request.app.state.session.get(path, params=request.query_params) as answer:
            answer.raise_for_status()
            return await answer.json()

    @app.get("/one")
    async def one(request: Request) -> Any:
        return await get(ONE, request)

    @app.get("/three")
    async def three(request: Request) -> Any:
        return await asyncio.gather(*(get(path, request) for path in THREE))

    return app


def moving_bytes(source: str) -> FastAPI:
    """FastAPI and aiohttp, without looking at what passes."""
    app = FastAPI(lifespan=_session(source))

    async def get(path: str, request: Request) -> bytes:
        async with request.app.state.session.get(path, params=request.query_params) as answer:
            answer.raise_for_status()
            content: bytes = await answer.read()
            return content

    @app.get("/one")
    async def one(request: Request) -> Response:
        return Response(await get(ONE, request), media_type="application/json")

    @app.get("/three")
    async def three(request: Request) -> Response:
        parts = await asyncio.gather(*(get(path, request) for path in THREE))
        return Response(b"[" + b",".join(parts) + b"]", media_type="application/json")

    return app


def _session(source: str) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(source, headers=_HEADERS) as session:
            app.state.session = session
            yield

    return lifespan


BUILD = {"httpx": over_httpx, "aiohttp": over_aiohttp, "bytes": moving_bytes}


def main(kind: str, port: str, source: str) -> None:
    """Serve until killed."""
    uvicorn.run(
        BUILD[kind](source),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
