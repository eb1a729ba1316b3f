"""Why a sign-in does not happen, and why a file of providers is refused.

SigninRefused      a sign-in that must not happen; `fault` is one of `Fault`
ProvidersInvalid   the file of identity providers cannot be used: the start is refused, with a sentence
RoleInvalid        a role that cannot be given or taken back

A fault goes to the log as its word, and to the journal: as an entry once the provider has vouched for somebody
(`VOUCHED`), counted before, when anybody could bring it about. People read one of a few pages
(`gateway/web/problems.py`): what a provider wrote in `error_description` is never shown, kept or logged.
"""

from enum import StrEnum


class Fault(StrEnum):
    """Every reason, in the order of the checks."""

    PROVIDER_UNKNOWN = "provider_unknown"
    # what the browser brings back
    RESPONSE_INVALID = "response_invalid"
    STATE_UNKNOWN = "state_unknown"
    STATE_EXPIRED = "state_expired"
    ISSUER_MISSING = "issuer_missing"
    ISSUER_MISMATCH = "issuer_mismatch"
    DECLINED = "declined"
    PROVIDER_ERROR = "provider_error"
    # what the provider says of itself
    UNREACHABLE = "unreachable"
    METADATA_INVALID = "metadata_invalid"
    KEYS_INVALID = "keys_invalid"
    # the tokens
    EXCHANGE_REFUSED = "exchange_refused"
    TOKENS_INVALID = "tokens_invalid"
    ID_TOKEN_MISSING = "id_token_missing"  # noqa: S105
    NOT_ENCRYPTED = "not_encrypted"
    DECRYPTION = "decryption"
    TOKEN_FORM = "token_form"  # noqa: S105
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    TOKEN_ISSUER = "token_issuer"  # noqa: S105
    TOKEN_AUDIENCE = "token_audience"  # noqa: S105
    TOKEN_DATES = "token_dates"  # noqa: S105
    NONCE = "nonce"
    SUBJECT = "subject"
    ACCESS_TOKEN_HASH = "access_token_hash"  # noqa: S105
    LEVEL = "level"
    METHODS = "methods"
    NOT_FRESH = "not_fresh"
    USERINFO_UNSIGNED = "userinfo_unsigned"
    USERINFO_SUBJECT = "userinfo_subject"
    # who it is
    IDENTITY_INCOMPLETE = "identity_incomplete"
    PERSON_UNKNOWN = "person_unknown"
    PERSON_AMBIGUOUS = "person_ambiguous"
    NOT_LISTED = "not_listed"
    SECOND_FACTOR = "second_factor"
    CHOICE_GONE = "choice_gone"


VOUCHED = frozenset(
    {
        Fault.LEVEL,
        Fault.METHODS,
        Fault.NOT_FRESH,
        Fault.USERINFO_UNSIGNED,
        Fault.USERINFO_SUBJECT,
        Fault.IDENTITY_INCOMPLETE,
        Fault.PERSON_UNKNOWN,
        Fault.PERSON_AMBIGUOUS,
        Fault.NOT_LISTED,
        Fault.SECOND_FACTOR,
    }
)
"""What can only be wrong after the code was exchanged and the id_token found to be the provider's, for this sign-in."""


class SigninRefused(Exception):  # noqa: N818  a refusal is an answer, not a fault
    """This sign-in does not happen."""

    code = "signin_refused"

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class ProvidersInvalid(Exception):  # noqa: N818  the start is refused, with a sentence
    """The text names the entry and the key, never a secret."""

    code = "providers_invalid"


class RoleInvalid(Exception):  # noqa: N818  the command ends, with a sentence
    """The text never holds an address of mail."""

    code = "role_invalid"
