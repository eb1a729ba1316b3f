"""`passerelle serve` with everything it and its libraries can say at debug level on standard error."""

import asyncio
import logging
import sys

import structlog

from gateway import logging as ours
from gateway import serve
from gateway.settings import Settings

configure = ours.configure


def loud() -> None:
    """As in production, and then every record of every library, whole."""
    configure()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    root.addHandler(logging.StreamHandler(sys.stderr))
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "uvicorn", "uvicorn.error", "asyncio", "aiohttp"):
        logging.getLogger(name).setLevel(logging.DEBUG)


if __name__ == "__main__":
    ours.configure = loud
    asyncio.run(serve.serve_gateway(Settings()), debug=True)
