"""RFC 8705 §3 behind a proxy that ends TLS: RFC 9440's header, believed from the proxy that proves itself only."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from gateway.oauth.certificates import Certificates
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.routes import metadata
from tests.unit.oauth.rfc8705.authority import Made, make

SECRET = b"a secret that only the proxy and the gateway know"
TODAY = datetime.fromtimestamp(1_800_000_000, UTC)
NAME = "passerelle.ml-brume.example.org"


@pytest.fixture(scope="module")
def ours() -> Made:
    return make("Passerelle", names=(x509.DNSName(NAME.title()),), now=TODAY)


@pytest.fixture(scope="module")
def foreign() -> Made:
    return make("Ailleurs", names=(x509.DNSName("elsewhere.example.org"),), now=TODAY)


@pytest.fixture
async def behind(world):
    await world.reopen(certificates=Certificates(proxy_secret=SECRET))
    await world.rebind("mtls", f"san_dns:{NAME}")
    return world


def x5t(made: Made) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(made.der).digest()).rstrip(b"=").decode()


def header(made: Made) -> bytes:
    return b":" + base64.b64encode(made.der) + b":"


def headers(made: Made, secret: bytes = SECRET) -> dict[str, bytes]:
    return {"Client-Cert": header(made), "Client-Cert-Secret": secret}


def request(world: Any, token: str, sent: dict[str, bytes]) -> dict[str, Any]:
    return world.request(token, headers=[(name.lower().encode(), value) for name, value in sent.items()])


@pytest.mark.parametrize("rule", ["san_dns", "sha256", "subject_dn"])
async def test_the_token_is_bound_to_the_certificate(behind, ours, rule):
    """§3.1: cnf.x5t#S256, whichever way the certificate was registered (§2.1, §2.2)."""
    value = {"san_dns": NAME, "sha256": x5t(ours), "subject_dn": ours.certificate.subject.rfc4514_string()}[rule]
    await behind.rebind("mtls", f"{rule}:{value}")
    answer = await behind.post(behind.form(), headers=headers(ours))
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"
    token = answer.json()["access_token"]
    assert behind.read(token)[1]["cnf"] == {"x5t#S256": x5t(ours)}
    assert (await behind.verifier.caller(request(behind, token, headers(ours)), behind.now)).partner.id == "ml-brume"


async def bound(world: Any, made: Made) -> str:
    answer = await world.post(world.form(), headers=headers(made))
    return answer.json()["access_token"]


@pytest.mark.parametrize(
    "case", ["a wrong secret", "no secret", "the secret twice", "part of the secret", "empty secret"]
)
async def test_the_header_without_the_proof_is_refused(behind, ours, case):
    """Whoever reaches the gateway past the proxy can write `Client-Cert` too: it is refused, not passed over."""
    token = await bound(behind, ours)
    secrets = {
        "a wrong secret": [b"x" * len(SECRET)], "no secret": [], "the secret twice": [SECRET, SECRET],
        "part of the secret": [SECRET[:-1]], "empty secret": [b""],
    }[case]  # fmt: skip
    sent = [(b"Client-Cert", header(ours)), *((b"Client-Cert-Secret", secret) for secret in secrets)]
    answer = await behind.post(behind.form(), headers=sent)
    assert answer.status_code == 401
    behind.refused(answer, "invalid_client", "certificate.unproven")
    asked = behind.request(token, headers=[(name.lower(), value) for name, value in sent])
    with pytest.raises(BearerInvalid) as caught:
        await behind.verifier.caller(asked, behind.now)
    assert (caught.value.status, caught.value.detail) == (401, "certificate.unproven")


async def test_without_the_setting_the_header_is_refused_whatever_comes_with_it(world, ours):
    """No secret is configured: an empty one, or any, proves nothing."""
    await world.rebind("mtls", f"san_dns:{NAME}")
    for secret in (SECRET, b""):
        answer = await world.post(world.form(), headers=headers(ours, secret))
        world.refused(answer, "invalid_client", "certificate.unproven")


BROKEN = {
    "not a byte sequence": b"MIIB",
    "PEM": b"-----BEGIN CERTIFICATE-----",
    "another alphabet": b":MI-_:",
    "bad padding": b":AAA:",
    "endless": b":" + b"A" * 20_000 + b":",
    "not a certificate": b":AAAA:",
    "empty": b"::",
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_header_that_holds_no_certificate_is_refused(behind, kind):
    """RFC 9440 §2.2: DER in a byte sequence, and nothing else; never an error of another kind."""
    answer = await behind.post(behind.form(), headers={"Client-Cert": BROKEN[kind], "Client-Cert-Secret": SECRET})
    behind.refused(answer, "invalid_client", "certificate.form")


async def test_a_certificate_of_a_version_that_does_not_exist_is_refused(behind, ours):
    """Whatever the proxy lets through: no fault of ours."""
    odd = ours.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x54", 1)
    sent = {"Client-Cert": b":" + base64.b64encode(odd) + b":", "Client-Cert-Secret": SECRET}
    behind.refused(await behind.post(behind.form(), headers=sent), "invalid_client", "certificate.form")


async def test_two_certificates_are_refused(behind, ours, foreign):
    """One connection shows one certificate."""
    sent = [("Client-Cert", header(ours)), ("Client-Cert", header(foreign)), ("Client-Cert-Secret", SECRET)]
    behind.refused(await behind.post(behind.form(), headers=sent), "invalid_client", "certificate.form")


async def test_a_partner_registered_for_mtls_gets_nothing_without_a_certificate(behind):
    """§3: leaving it out does not give another kind of token."""
    answer = await behind.post(behind.form())
    assert answer.status_code == 401
    behind.refused(answer, "invalid_client", "certificate_missing")


async def test_a_certificate_that_is_not_registered_is_refused(behind, foreign):
    """§2.1.2: its authority may be good, its owner is somebody else."""
    behind.refused(await behind.post(behind.form(), headers=headers(foreign)), "invalid_client", "certificate.unknown")


async def test_a_subject_that_only_looks_the_same_is_refused(behind, ours):
    """Names are compared whole: neither a part, nor another order of parts, nor a certificate of the same name."""
    await behind.rebind("mtls", "subject_dn:CN=Passerelle")
    behind.refused(await behind.post(behind.form(), headers=headers(ours)), "invalid_client", "certificate.unknown")
    await behind.rebind("mtls", f"sha256:{x5t(make('Passerelle', now=TODAY))}")
    behind.refused(await behind.post(behind.form(), headers=headers(ours)), "invalid_client", "certificate.unknown")


@pytest.mark.parametrize("days", [-60, 60])
async def test_a_certificate_of_another_time_is_refused(behind, days):
    """Also where the proxy lets certificates in that nobody but the partner signed."""
    other = make("Passerelle", names=(x509.DNSName(NAME),), now=TODAY + timedelta(days=days))
    behind.refused(await behind.post(behind.form(), headers=headers(other)), "invalid_client", "certificate.expired")


async def test_a_bound_token_over_another_connection_is_refused(behind, ours, foreign):
    """§3: 401 invalid_token with another certificate, and without any."""
    token = await bound(behind, ours)
    for sent in (headers(foreign), {}):
        with pytest.raises(BearerInvalid) as caught:
            await behind.verifier.caller(request(behind, token, sent), behind.now)
        assert (caught.value.status, caught.value.code, caught.value.detail) == (401, "invalid_token", "certificate")


async def test_a_token_bound_to_nothing_is_not_of_a_partner_registered_for_mtls(behind, ours):
    """A token given before the registration changed, or got by a fault of ours, opens nothing."""
    await behind.rebind("bearer")
    token = await behind.token()
    await behind.rebind("mtls", f"san_dns:{NAME}")
    with pytest.raises(BearerInvalid) as caught:
        await behind.verifier.caller(request(behind, token, headers(ours)), behind.now)
    assert caught.value.detail == "unbound"


async def test_a_token_can_be_bound_to_both_and_then_needs_both(behind, ours, foreign):
    """RFC 9449 §5 with RFC 8705 §3: a proof sent beside the certificate counts too."""
    answer = await behind.post(behind.form(), headers=headers(ours) | {"DPoP": behind.proof()})
    assert answer.json()["token_type"] == "DPoP"
    token = answer.json()["access_token"]
    for made, proofs, good in ((ours, 1, True), (foreign, 1, False), (ours, 0, False)):
        sent = [(name.lower().encode(), value) for name, value in headers(made).items()]
        proof = [behind.api_proof(token)] * proofs
        asked = behind.request(token, *proof, scheme="DPoP", headers=sent)
        if good:
            assert await behind.verifier.caller(asked, behind.now)
        else:
            with pytest.raises(Exception, match=r"certificate|proof_missing"):
                await behind.verifier.caller(asked, behind.now)


async def test_an_exchanged_token_is_bound_to_the_certificate_of_the_exchange(behind, ours):
    """A professional's token does not lose the constraint; a subject token of another sender is refused."""
    answer = await behind.post(behind.exchange_form(), headers=headers(ours))
    assert behind.read(answer.json()["access_token"])[1]["cnf"] == {"x5t#S256": x5t(ours)}
    form = behind.exchange_form(subject_token=behind.person(cnf={"x5t#S256": "A" * 43}))
    behind.refused(await behind.post(form, headers=headers(ours)), "invalid_request", "subject_token.confirmation")


async def test_no_certificate_and_no_secret_reaches_the_log(behind, ours, foreign, capsys, caplog):
    """A certificate names an organisation, the secret opens the gateway."""
    for made in (ours, foreign):
        await behind.post(behind.form(), headers=headers(made))
    written = str(behind.logs) + capsys.readouterr().out + caplog.text + repr(behind.server.possession)
    assert SECRET.decode() not in written
    assert base64.b64encode(ours.der).decode()[:40] not in written


async def test_the_metadata_say_whether_tokens_can_be_bound_to_certificates(world):
    """§3.3: announced where there is a way for a certificate to come."""
    for expected, certificates in ((False, Certificates()), (True, Certificates(proxy_secret=SECRET))):
        await world.reopen(certificates=certificates)
        for path in ("oauth-authorization-server", "oauth-protected-resource"):
            document = (await world.http.get(f"/.well-known/{path}")).json()
            assert document["tls_client_certificate_bound_access_tokens"] is expected


async def test_another_address_for_certificates_is_announced(world):
    """§5: the same endpoints where the proxy asks for certificates, so that people's browsers are not asked."""
    alias = "https://mtls.passerelle.example.org"
    document = metadata(replace(world.server, mtls_url=alias))
    assert document["mtls_endpoint_aliases"]["token_endpoint"] == f"{alias}/oauth/token"
    assert "jwks_uri" not in document["mtls_endpoint_aliases"]
    assert "mtls_endpoint_aliases" not in metadata(world.server)
