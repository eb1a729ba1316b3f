"""Everything a server can do wrong, on real sockets: each has its outcome, in time, and leaks nothing."""

import asyncio
import datetime as dt
import logging
import re
import socket
import ssl
import struct
import tracemalloc

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.base import Outcome
from tests.unit.connectors.factories import AP, FT, KNOWN, RDVI, pivot, with_options
from tests.unit.connectors.servers import answer, serve

GOOD = answer(b'{"data":{"est_beneficiaire":true,"avec_majoration":null,"date_debut_droit":null}}')


def at(config, url, **options):
    changed = with_options(config, **options) if options else dict(config)
    changed["base_url"] = url
    if "auth_url" in changed:
        changed["auth_url"] = url
    return changed


async def hang(_reader, _writer):
    await asyncio.sleep(60)


async def drip(_reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n")
    for _ in range(4000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(_reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(160):
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def cut(_reader, writer):
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"data":')
    await writer.drain()


async def reset(_reader, writer):
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


FAULTS = {
    "hangs": (hang, Outcome.unavailable, "timeout"),
    "drips": (drip, Outcome.unavailable, "timeout"),
    "html": (answer(b"<html>Maintenance</html>", kind="text/html"), Outcome.drift, "not_json"),
    "no_type": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Outcome.drift, "not_json"),
    "redirect": (answer(b"", status="302 Found", extra="Location: /\r\n"), Outcome.drift, "redirected"),
    "ten_megabytes": (answer(b'"' + b"x" * 10_000_000 + b'"'), Outcome.drift, "answer_too_large"),
    "endless_chunks": (flood, Outcome.drift, "answer_too_large"),
    "bad_utf8": (answer(b'{"data":{"nom":"Andr\xe9"}}'), Outcome.drift, "unreadable"),
    "latin1": (
        answer('{"a":"é"}'.encode("latin-1"), kind="application/json; charset=iso-8859-1"),
        Outcome.drift,
        "unreadable",
    ),
    "not_json_at_all": (answer(b'{"data":{"est'), Outcome.drift, "unreadable"),
    "nan": (answer(b'{"data":NaN}'), Outcome.drift, "unreadable"),
    "truncated": (cut, Outcome.unavailable, "connection_broken"),
    "reset": (reset, Outcome.unavailable, "connection_broken"),
    "deep": (answer(b"[" * 100_000 + b"]" * 100_000), Outcome.drift, "unreadable"),
    "rather_deep": (answer(b'{"a":' * 80 + b"1" + b"}" * 80), Outcome.drift, "answer_too_deep"),
    "compressed": (answer(b"\x1f\x8b", extra="Content-Encoding: gzip\r\n"), Outcome.drift, "unreadable"),
    "no_http": (b"SSH-2.0-OpenSSH_9.2\r\n", Outcome.drift, "unreadable"),
    "empty": (answer(b""), Outcome.drift, "unreadable"),
    "long_header": (answer(b"{}", extra=f"X-Long: {'x' * 100_000}\r\n"), Outcome.drift, "unreadable"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_has_its_outcome_in_time_and_leaks_no_connection(connect, fetch, name):
    """One bad answer is one outcome; the next good answer is read as if nothing had been."""
    made, outcome, detail = FAULTS[name]
    replies = [made, made]  # aiohttp repeats a GET once when a connection breaks

    async with serve(lambda _: replies.pop(0) if replies and not good else GOOD) as server:
        good = False
        connector = connect(at(AP, server.url, call_timeout=1.1, concurrency=1))
        loop = asyncio.get_running_loop()
        started = loop.time()
        fetched = await fetch(connector, "rsa.beneficiary", pivot=pivot())
        assert loop.time() - started < 2.0
        assert (fetched["rsa"].outcome, fetched["rsa"].detail) == (outcome, detail)
        assert fetched["rsa"].rows == ()
        good = True
        again = await fetch(connector, "rsa.beneficiary", pivot=pivot())
        assert again["rsa"].outcome is Outcome.found
        assert connector.health().failures_in_a_row == 0
        held = connector._client._transport._pool._session.connector
        assert not held._acquired
        await connector.close()
        await asyncio.sleep(0.05)
        assert server.open <= (name in ("hangs", "drips"))  # those two have not noticed yet


async def test_nobody_answering_is_unavailable(connect, fetch):
    """A closed port and a name that does not exist."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        connector = connect(at(AP, f"http://127.0.0.1:{taken.getsockname()[1]}"))
        fetched = await fetch(connector, "rsa.beneficiary", pivot=pivot())
    assert (fetched["rsa"].outcome, fetched["rsa"].detail) == (Outcome.unavailable, "connection_failed")


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for `localhost`, and the server side of TLS with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    return str(tmp_path / "ca.pem"), context


async def test_a_certificate_must_be_vouched_for_and_bear_the_name(connect, fetch, certificate):
    """TLS is verified: an unknown authority and another name get nothing; a named authority is enough."""
    ca_file, tls = certificate
    async with serve(lambda _: GOOD, tls=tls) as server:
        https = f"https://localhost:{server.port}"
        by_address = f"https://127.0.0.1:{server.port}"
        unknown = await fetch(connect(at(AP, https)), "rsa.beneficiary", pivot=pivot())
        misnamed = await fetch(connect(at(AP, by_address, ca_file=ca_file)), "rsa.beneficiary", pivot=pivot())
        assert server.requests == []
        known = await fetch(connect(at(AP, https, ca_file=ca_file)), "rsa.beneficiary", pivot=pivot())
    assert unknown["rsa"].detail == misnamed["rsa"].detail == "connection_failed"
    assert known["rsa"].outcome is Outcome.found


async def test_ten_megabytes_never_fill_the_memory(connect, fetch):
    """The limit is kept while reading, whatever the server announces."""
    async with serve(lambda _: flood) as server:
        connector = connect(at(AP, server.url))
        tracemalloc.start()
        try:
            await fetch(connector, "rsa.beneficiary", pivot=pivot())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 4_000_000


async def test_the_deadline_of_the_whole_is_kept(connect, fetch):
    """The time given to the exchange ends first: no failure is held against the source."""
    async with serve(lambda _: hang) as server:
        connector = connect(at(AP, server.url))
        started = asyncio.get_running_loop().time()
        fetched = await fetch(connector, "rsa.beneficiary", "aah.since", within=0.2, pivot=pivot())
        assert asyncio.get_running_loop().time() - started < 0.4
    assert {item.detail for item in fetched.values()} == {"deadline"}
    assert connector.health().failures_in_a_row == 0


async def test_calls_wait_their_turn_and_no_longer_than_the_deadline(connect, fetch):
    """With one place, the second waits, and gives up at the deadline without having called."""
    async with serve(lambda _: hang) as server:
        connector = connect(at(AP, server.url, concurrency=1))
        fetched = await fetch(connector, "rsa.beneficiary", "aah.since", within=0.2, pivot=pivot())
        assert {item.detail for item in fetched.values()} == {"deadline"}
        assert len(server.requests) == 1


async def test_a_cancelled_exchange_gives_its_place_back(connect, fetch):
    """The caller hangs up: neither the place nor the connection is lost."""
    replies = [hang]
    async with serve(lambda _: replies.pop() if replies else GOOD) as server:
        connector = connect(at(AP, server.url, concurrency=1))
        task = asyncio.ensure_future(fetch(connector, "rsa.beneficiary", pivot=pivot()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        fetched = await fetch(connector, "rsa.beneficiary", within=1.0, pivot=pivot())
        assert fetched["rsa"].outcome is Outcome.found


async def test_a_connection_that_died_while_idle_is_replaced(connect, fetch):
    """The source closes a kept connection: a search is repeated once, and answered."""
    token = answer(b'{"access_token":"j","expires_in":1499}')
    found = answer(b'{"codeRetour":"S002"}')

    def reply(request):
        if b"access_token" in request.split(b"\r\n")[0]:
            return token
        searches.append(request)
        return reset if len(searches) == 2 else found

    searches = []
    async with serve(reply) as server:
        connector = connect(at(FT, server.url))
        for _ in range(2):
            fetched = await fetch(connector, "registration.status", **KNOWN)
            assert fetched["registration"].detail == "no_file"
    assert len(searches) == 3


async def test_a_source_that_breaks_every_search_is_not_hammered(connect, fetch):
    """One repetition, no more."""
    token = answer(b'{"access_token":"j","expires_in":1499}')
    async with serve(lambda request: token if b"/connexion/" in request else reset) as server:
        fetched = await fetch(connect(at(FT, server.url)), "registration.status", **KNOWN)
        assert len(server.requests) == 3
    assert fetched["registration"].detail == "connection_broken"


async def test_the_sign_in_may_fail_in_the_same_ways(connect, fetch):
    """A sign-in that hangs ends with the exchange, and the next exchange finds its result."""
    session = "access-token: t\r\nclient: c\r\nuid: u\r\n"

    async def slow(_reader, writer):
        await asyncio.sleep(0.3)
        writer.write(answer(b"{}", extra=session))
        await writer.drain()

    async with serve(
        lambda request: slow if b"sign_in" in request else answer(b'{"users":[],"pagination":{"next_page":null}}')
    ) as server:
        connector = connect(at(RDVI, server.url))
        early = await fetch(connector, "contact.phone", within=0.1, caf_number="9900107/demandeur")
        later = await fetch(connector, "contact.phone", within=2.0, caf_number="9900107/demandeur")
        assert sum(b"sign_in" in request for request in server.requests) == 1
    assert early["contact"].detail == "deadline"
    assert later["contact"].detail == "no_file"


async def test_nothing_of_a_call_reaches_a_log(connect, fetch, caplog):
    """Neither a good answer nor any fault makes a library write an address, a header, a body or a person."""
    replies = [GOOD, *(made for made, _, _ in FAULTS.values() if isinstance(made, bytes))]
    with caplog.at_level(logging.DEBUG):
        async with serve(lambda _: replies.pop(0) if replies else cut) as server:
            connector = connect(at(AP, server.url))
            for _ in range(len(FAULTS)):
                await fetch(connector, "rsa.beneficiary", pivot=pivot(family_name="CANARI"))
    assert not replies
    assert not re.search(r"CANARI|jeton|Bearer|identite|Andr", caplog.text)


async def test_no_cookie_is_kept(connect, fetch):
    """A cookie of one person's call must not go out with the next person's."""
    async with serve(lambda _: GOOD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n", 1)) as server:
        connector = connect(at(AP, server.url))
        for _ in range(2):
            await fetch(connector, "rsa.beneficiary", pivot=pivot())
        assert len(server.requests) == 2
        assert server.connections == 1
        assert not any(b"cookie" in request.lower() for request in server.requests)


async def test_a_proxy_is_used_only_when_the_settings_name_it(connect, fetch, monkeypatch):
    """The environment's proxy is not ours to trust."""
    async with serve(lambda _: GOOD) as server:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        through = connect(at(AP, "http://source.example", allow_http=True, proxy=server.url))
        direct = connect(at(AP, server.url))
        assert (await fetch(through, "rsa.beneficiary", pivot=pivot()))["rsa"].outcome is Outcome.found
        assert (await fetch(direct, "rsa.beneficiary", pivot=pivot()))["rsa"].outcome is Outcome.found
    assert server.requests[0].startswith(b"GET http://source.example/v3/dss/")
    assert server.requests[1].startswith(b"GET /v3/dss/")


async def test_the_wire_carries_what_was_built_and_nothing_more(connect, fetch):
    """Nothing adds a header of its own, and the quoted query arrives as it was quoted."""
    async with serve(lambda _: GOOD) as server:
        await fetch(connect(at(AP, server.url)), "rsa.beneficiary", pivot=pivot(family_name="D'ORÉE & Cie"))
    head = server.requests[0].decode().split("\r\n")
    assert "nomNaissance=D%27OR%C3%89E%20%26%20Cie&prenoms%5B%5D=H%C3%89L%C3%88NE" in head[0]
    assert sorted(line.partition(":")[0].lower() for line in head[1:] if line) == [
        "accept",
        "accept-encoding",
        "authorization",
        "host",
        "user-agent",
    ]
