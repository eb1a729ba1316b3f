"""The gateway exactly as `passerelle serve` runs it, with the sampler waiting for its signals.

Usage: `python -m bench.sampled FILE`
"""

import sys
from pathlib import Path

import uvloop

from bench.sampler import Sampler
from gateway.serve import serve_gateway
from gateway.settings import Settings

if __name__ == "__main__":
    Sampler(Path(sys.argv[1])).install()
    uvloop.run(serve_gateway(Settings()))
