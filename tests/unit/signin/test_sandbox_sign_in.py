"""The same gateway with the simulated providers: what clients may register beside a secret and plain signed tokens."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey

from connectors import sandbox
from gateway.oauth import jwks
from gateway.signin.errors import SigninRefused
from gateway.signin.tokens import decrypt
from gateway.web.cookies import NAME
from tests.bed import Bed, bed, served

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLIENT = "passerelle-a-cle"
SIGNING = ec.generate_private_key(ec.SECP256R1())
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
OTHER = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def encryption(key: Any) -> dict[str, Any]:
    """The public JWK a provider encrypts for."""
    kind, alg = (ECKey, "ECDH-ES") if isinstance(key, ec.EllipticCurvePrivateKey) else (RSAKey, "RSA-OAEP")
    return {**kind.import_key(pem(key)).as_dict(private=False), "alg": alg, "kid": "encryption-1", "use": "enc"}


def clients(key: Any, *, encrypts: bool = True) -> dict[str, Any]:
    public = SIGNING.public_key()
    kid = jwks.thumbprint(jwks.of_public_key(public, kid=""))
    row: dict[str, Any] = {"jwks": {"keys": [jwks.of_public_key(public, kid=kid)]}}
    return {CLIENT: row | ({"encryption": encryption(key)} if encrypts else {})}


async def gateway(home: Path, url: str, *keys: Any, **entry: Any) -> AsyncIterator[Bed]:
    """A gateway registered under that client with both providers."""
    for name, key in {"signing": SIGNING, **{f"decryption-{place}": key for place, key in enumerate(keys)}}.items():
        (home / f"{name}.pem").write_bytes(pem(key))
        (home / f"{name}.pem").chmod(0o600)
    entries = sandbox.identity_providers(url, secret_file="x")
    for each in entries.values():
        del each["client_secret_file"]
        each |= {"client_id": CLIENT, "signing_key_file": "signing.pem", **entry}
        if keys:
            each["decryption_key_files"] = [f"decryption-{place}.pem" for place, _ in enumerate(keys)]
    (home / "providers.yaml").write_text(yaml.safe_dump(entries), "utf-8")
    async with bed(
        home, database_url=f"sqlite:///{home}/passerelle.db", sandbox_url=url,
        identity_providers=str(home / "providers.yaml"),
    ) as opened:  # fmt: skip
        await opened.partner("ml-brume")
        await opened.link(await opened.token("ml-brume"), "amina-delorme")
        yield opened


async def sign_in(opened: Bed, who: str = "amina-delorme", provider: str = "franceconnect") -> httpx.Response:
    """By the provider's own page."""
    transport = httpx.ASGITransport(app=opened.http._transport.app)  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=transport, base_url=opened.services.base_url) as browser:
        there = (await browser.get(f"/signin/{provider}")).headers["location"]
        async with httpx.AsyncClient() as outside:
            page = (await outside.get(there)).text
            action, sealed = (re.search(f'{name}="([^"]+)"', page) for name in ("action", 'name="request" value'))
            assert action
            assert sealed
            form = {"request": sealed[1], "person": who, "decision": "continue"}
            parts = urlsplit(there)
            back = await outside.post(f"{parts.scheme}://{parts.netloc}{action[1]}", data=form)
        return await browser.get(back.headers["location"])


def signed_in(answer: httpx.Response) -> bool:
    return NAME in "".join(answer.headers.get_list("set-cookie"))


@pytest_asyncio.fixture(loop_scope="session", params=["ECDH-ES", "RSA-OAEP"])
async def encrypting(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Any]]:
    key = {"ECDH-ES": EC, "RSA-OAEP": RSA}[request.param]
    async with served(sandbox.build(clients=clients(key))) as url:
        yield url, key


async def test_encrypted_tokens_and_a_key_instead_of_a_secret(encrypting: tuple[str, Any], tmp_path: Path) -> None:
    """FranceConnect+: JWE around the signed token, for id_token and userinfo; private_key_jwt at the token endpoint."""
    url, key = encrypting
    async for opened in gateway(tmp_path, url, key):
        assert signed_in(await sign_in(opened))


async def test_a_new_decryption_key_stands_beside_the_former(encrypting: tuple[str, Any], tmp_path: Path) -> None:
    """Rotation: whichever of ours the provider used."""
    url, key = encrypting
    async for opened in gateway(tmp_path, url, OTHER, key):
        assert signed_in(await sign_in(opened))


async def counted(opened: Bed) -> Any:
    """What nobody vouched for is counted."""
    await opened.services.server.ledger.settle(opened.services.clock())
    return (await opened.journal())[-1]["counts"]


async def test_a_token_for_another_key_opens_nothing(encrypting: tuple[str, Any], tmp_path: Path) -> None:
    """What we cannot decrypt we do not believe."""
    url, _ = encrypting
    async for opened in gateway(tmp_path, url, OTHER):
        assert not signed_in(await sign_in(opened))
        assert await counted(opened) == {"signin_decryption": 1}


async def test_plain_tokens_where_encryption_was_agreed_are_a_downgrade(tmp_path: Path) -> None:
    """The registration says which, not the answer."""
    async with served(sandbox.build(clients=clients(EC, encrypts=False))) as url:
        async for opened in gateway(tmp_path, url, EC):
            assert not signed_in(await sign_in(opened))
            assert await counted(opened) == {"signin_not_encrypted": 1}


async def test_encrypted_tokens_where_none_was_agreed_are_refused(tmp_path: Path) -> None:
    """The other way round."""
    async with served(sandbox.build(clients=clients(EC))) as url:
        async for opened in gateway(tmp_path, url):
            assert not signed_in(await sign_in(opened))
            assert await counted(opened) == {"signin_token_form": 1}


OURS = (ECKey.import_key(pem(EC)), RSAKey.import_key(pem(RSA)))


@pytest.mark.parametrize(
    ("alg", "enc", "more"),
    [
        ("RSA-OAEP-256", "A256GCM", {}),
        ("RSA-OAEP", "A128CBC-HS256", {}),
        ("ECDH-ES+A128KW", "A256GCM", {}),
        ("ECDH-ES", "A128GCM", {}),
        ("ECDH-ES", "A256GCM", {"zip": "DEF"}),
    ],
)
async def test_only_what_was_agreed_is_decrypted(alg: str, enc: str, more: dict[str, str]) -> None:
    """No other key wrapping, no other content encryption, no compression."""
    key = OURS[1] if alg.startswith("RSA") else OURS[0]
    token = jwe.encrypt_compact({"alg": alg, "enc": enc, **more}, "x.y.z", key, algorithms=[alg, enc, "DEF"])
    with pytest.raises(SigninRefused, match="decryption"):
        decrypt(token, OURS)


@pytest.mark.parametrize("token", ["....", "a.b.c.d.e", "e30.a.b.c.d", "bnVsbA.a.b.c.d", "W10.a.b.c.d", "é.b.c.d.e"])
async def test_what_is_no_encrypted_token_is_refused(token: str) -> None:
    """Whatever stands where a header should."""
    with pytest.raises(SigninRefused, match="decryption"):
        decrypt(token, OURS)


async def test_an_altered_encrypted_token_is_refused() -> None:
    """A256GCM is authenticated; so is its header."""
    token = jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM"}, "x.y.z", OURS[0])
    assert decrypt(token, OURS) == "x.y.z"
    head, *rest, tag = token.split(".")
    first = "A" if tag[0] != "A" else "B"
    with pytest.raises(SigninRefused, match="decryption"):
        decrypt(".".join([head, *rest, first + tag[1:]]), OURS)


async def test_a_provider_that_takes_pkce_is_sent_a_challenge(tmp_path: Path) -> None:
    """RFC 7636 S256, by a switch: FranceConnect would refuse it."""
    async with served(sandbox.build(clients=clients(EC, encrypts=False))) as url:
        async for opened in gateway(tmp_path, url, pkce=True):
            transport = httpx.ASGITransport(app=opened.http._transport.app)  # type: ignore[attr-defined]
            async with httpx.AsyncClient(transport=transport, base_url=opened.services.base_url) as browser:
                there = (await browser.get("/signin/franceconnect")).headers["location"]
            assert re.search(r"code_challenge=[\w-]{43}&code_challenge_method=S256", there)
            async with httpx.AsyncClient() as outside:
                refused = await outside.get(there)
            assert "error=invalid_request" in refused.headers["location"]
