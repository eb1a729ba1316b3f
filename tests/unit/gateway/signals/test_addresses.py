"""Where signals may go: the table of addresses, names that lie, certificates that are not theirs."""

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from gateway import addresses, outgoing
from gateway.addresses import AddressRefused, check, guarded_socket, normal, public
from gateway.signals.client import SignalClient
from tests.receivers import receiving

LOCAL = frozenset({"127.0.0.1", "localhost"})
BODY, HEADERS = b"{}", {"Content-Type": "application/json"}


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e",
                                     "::ffff:93.184.215.14"])  # fmt: skip
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """Both families, and one behind a translator."""
    assert public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.1.2.3",
        "255.255.255.255", "224.0.0.1", "239.1.1.1", "198.18.0.1", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fc00::1", "ff02::1", "ff0e::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1", "", "nonsense",
        "0x7f.1", "2130706433", "127.1", "::127.0.0.1", "::a00:1", "::5db8:d70e", "64:ff9b:1::7f00:1", "64:ff9b:1::1",
        "::ffff:0:127.0.0.1", "::ffff:0:a00:1", "fec0::1", "feff::1", "100::1", "5f00::1", "4000::1", "2001::1",
        "3fff::1", "2002:a00:1::1",
    ],
)  # fmt: skip
def test_all_others_are_not(address: str) -> None:
    """Loopback, private, link-local with the cloud's metadata, shared, multicast, and each of them in disguise."""
    assert not public(address)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://suivi.example/", "https_only"),
        ("http://localhost/", "https_only"),
        ("http://10.0.0.1/", "https_only"),
        ("ftp://suivi.example/", "https_only"),
        ("//suivi.example/", "not_an_address"),
        ("suivi.example", "not_an_address"),
        ("https://", "not_an_address"),
        ("https:///path", "not_an_address"),
        ("https://[::1/", "not_an_address"),
        ("https://suivi.example:99999/", "not_an_address"),
        ("https://suivi.exämple/", "not_an_address"),
        ("https://suivi.example/\n", "not_an_address"),
        ("https://suivi.example/" + "x" * 500, "not_an_address"),
        ("https://name:secret@suivi.example/", "credentials_or_fragment"),
        ("https://name@suivi.example/", "credentials_or_fragment"),
        ("https://suivi.example/#part", "credentials_or_fragment"),
        ("https://suivi.example/#", "credentials_or_fragment"),
    ],
)
def test_an_address_of_another_form_is_refused_with_its_reason(url: str, reason: str) -> None:
    """The reason is a code, at the member's pointer; the address is not repeated."""
    with pytest.raises(AddressRefused, match=reason) as refused:
        normal(url, frozenset())
    assert refused.value.members == {"errors": [{"pointer": "/url", "reason": reason}]}


def test_an_address_is_kept_as_it_will_be_called() -> None:
    """A path is always there, the name in lower case, the query stays."""
    assert normal("https://Suivi.Example", frozenset()) == "https://suivi.example/"
    assert normal("https://suivi.example:443/a?b=c", frozenset()) == "https://suivi.example/a?b=c"
    assert normal("https://suivi.example:8443/a", frozenset()) == "https://suivi.example:8443/a"
    assert normal("http://127.0.0.1:1/", LOCAL) == "http://127.0.0.1:1/"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/",
        "https://2130706433/", "https://0x7f.0.0.1/", "https://127.1/", "https://[::ffff:127.0.0.1]/", "https://0/",
        "https://[::127.0.0.1]/",
    ],
)  # fmt: skip
async def test_registering_resolves_and_refuses_what_is_not_public(url: str) -> None:
    """However the number is written."""
    with pytest.raises(AddressRefused, match=r"address_not_public|name_unknown"):
        await check(url, frozenset())


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver is replaced: it says what a hostile name server would."""

    def answers(*found: str):
        return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", answers("93.184.215.14"))
    assert await check("https://suivi.example", frozenset()) == "https://suivi.example/"
    monkeypatch.setattr(socket, "getaddrinfo", answers("93.184.215.14", "127.0.0.1"))
    with pytest.raises(AddressRefused, match="address_not_public"):
        await check("https://suivi.example", frozenset())


async def test_a_name_nobody_knows_is_refused() -> None:
    """`.invalid` never resolves (RFC 6761)."""
    with pytest.raises(AddressRefused, match="name_unknown"):
        await check("https://suivi.invalid/", frozenset())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.0.0.1", "127.1", "[::1]"])
async def test_a_connection_to_our_own_network_is_never_made(host: str) -> None:
    """Also when the registration let it pass: a name that now leads elsewhere, a setting that was narrowed."""
    async with receiving() as receiver:
        sender = SignalClient(seconds=2)
        outcome = await sender.post(receiver.url.replace("http://127.0.0.1", f"https://{host}"), BODY, HEADERS, now=0)
        await sender.close()
    assert outcome.word == "address_refused"
    assert receiver.got == []


async def test_http_is_refused_at_each_delivery_too() -> None:
    """An endpoint of this machine, once the setting no longer names it."""
    async with receiving() as receiver:
        sender = SignalClient()
        assert (await sender.post(receiver.url, BODY, HEADERS, now=0)).word == "address_refused"
        await sender.close()
    assert receiver.got == []


def test_the_guard_stands_at_the_socket() -> None:
    """Public: a socket; else none."""
    guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))).close()
    with pytest.raises(PermissionError):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443)))
    assert outgoing.guarded_socket is addresses.guarded_socket


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate that signs itself, for this name."""
    file, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", key, "-out", file, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context


@pytest.mark.parametrize("case", ["trusted", "unknown_authority", "other_name", "no_tls"])
async def test_tls_is_verified(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Authority and name; what is not the receiver's is sent nothing."""
    file, context = certificate(tmp_path, "localhost" if case != "other_name" else "elsewhere.example")
    if case != "unknown_authority":
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with receiving(tls=None if case == "no_tls" else context, host="localhost") as receiver:
        sender = SignalClient(allowed=LOCAL, tls=ssl.create_default_context(), seconds=1)
        outcome = await sender.post(receiver.url.replace("http://", "https://"), BODY, HEADERS, now=0)
        await sender.close()
    assert outcome.word == {"trusted": "acknowledged", "no_tls": "timed_out"}.get(case, "tls_failed")
    assert len(receiver.got) == (case == "trusted")
