"""`passerelle serve` and `sandbox` where something listens already."""

import socket

from tests.unit.gateway.conftest import Passerelle


def test_a_port_that_is_taken_is_told_in_a_sentence(passerelle: Passerelle) -> None:
    """Rule: never a traceback; which address, and why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = passerelle("sandbox", "--port", str(port))
    assert (status, out) == (1, "")
    assert err.startswith(f"address_taken: cannot listen on 127.0.0.1, port {port}: ")
