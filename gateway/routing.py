"""Which route answers: a path without parameters is looked up, any other is tried against each route in turn.

Starlette tries them all in turn, about a hundred for the last. The order still decides: a path that an earlier route
with parameters takes is left to it. What is not found here, or not by this method, goes Starlette's way (404, 405).
"""

from collections.abc import Sequence
from typing import Any

from starlette.routing import Route, Router
from starlette.types import Lifespan, Receive, Scope, Send


class Routes(Router):
    """See the module."""

    def __init__(self, routes: Sequence[Route], *, lifespan: Lifespan[Any]) -> None:
        super().__init__(routes=routes, redirect_slashes=False, lifespan=lifespan)
        self._fixed: dict[str, list[Route]] = {}
        for place, route in enumerate(routes):
            if not route.param_convertors and not any(_takes(earlier, route.path) for earlier in routes[:place]):
                self._fixed.setdefault(route.path, []).append(route)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let Starlette find who does."""
        for route in self._fixed.get(scope.get("path", ""), ()):
            if route.methods is None or scope["method"] in route.methods:
                scope.update(router=self, route=route, endpoint=route.endpoint, path_params={})
                await route.app(scope, receive, send)
                return
        await super().app(scope, receive, send)


def _takes(route: Route, path: str) -> bool:
    return bool(route.param_convertors) and route.path_regex.match(path) is not None
