"""What no command does: suspend a partner where no journal is there to carry it, sign tokens with a key of memory."""

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from sqlalchemy import Connection

from gateway.oauth.keys import TokenKey, TokenKeys, of
from gateway.oauth.partners import find_partner, replace_partner, with_status


def change_status(connection: Connection, partner_id: str, *, status: str, now: int) -> None:
    """Suspend a partner or let it in again."""
    former = find_partner(connection, partner_id)
    assert former is not None, partner_id
    replace_partner(connection, former, with_status(former, status, now=now))


def generate() -> TokenKeys:
    """A key that lives in memory only."""
    return of(TokenKey(generate_private_key(SECP256R1())))
