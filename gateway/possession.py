"""What the settings say about bound tokens: nonces, and where certificates of partners come from."""

from pathlib import Path

from gateway.keys import GatewayKeys
from gateway.oauth.certificates import Certificates
from gateway.oauth.nonces import Nonces
from gateway.oauth.possession import Possession
from gateway.oauth.replay import UsedTokens
from gateway.settings import Settings

_SHORTEST_SECRET = 32


class ProxySecretRefused(Exception):  # noqa: N818  the start is refused, with a sentence
    """The file of the proxy's secret cannot be used."""

    code = "proxy_secret_refused"


def open_possession(settings: Settings, keys: GatewayKeys, used: UsedTokens) -> Possession:
    """How requests of this gateway show whom a token is bound to."""
    life = settings.dpop_nonce_seconds * 1000
    return Possession(
        address=settings.public_url,
        used=used,
        nonces=Nonces(key=keys.nonces, life=life) if life else None,
        certificates=Certificates(
            proxy_secret=_secret(settings.client_cert_secret), direct=bool(settings.tls_client_ca)
        ),
    )


def _secret(file: str) -> bytes | None:
    if not file:
        return None
    try:
        if Path(file).stat().st_mode & 0o077:
            raise ProxySecretRefused(f"{file} can be read by others: chmod 600 {file}")
        secret = Path(file).read_bytes().strip()
    except OSError:
        raise ProxySecretRefused(f"{file} cannot be read") from None
    if len(secret) < _SHORTEST_SECRET or not secret.isascii() or not secret.decode("ascii").isprintable():
        raise ProxySecretRefused(f"{file} must hold at least {_SHORTEST_SECRET} printable ASCII characters")
    return secret
