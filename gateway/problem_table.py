"""The table of errors: a row per code (RFC 9457). Its pages and their documentation are made of it (`problems.py`).

A code never changes its meaning; what is not here is nobody's business but the operator's.
"""

from collections.abc import Mapping

from gateway.problem_rows import ACTS, Problem

PROBLEMS: Mapping[str, Problem] = {
    # the request itself
    "malformed_request": Problem(
        422,
        "The request cannot be read",
        "The body is not the JSON object this endpoint takes. `errors` points at each mistake.",
        "Compare the body with the OpenAPI description and correct the members named in `errors`.",
    ),
    "body_too_large": Problem(
        413, "The body is too large", "Bodies are at most 64 KiB.", "Split the request: one person per exchange."
    ),
    "body_too_slow": Problem(
        408,
        "The body took too long",
        "The whole body must be here ten seconds after its head. Nothing was done, the connection is closed.",
        "Send the request again, on a new connection, with its whole body.",
    ),
    "unsupported_media_type": Problem(
        415, "Only application/json is read", "The Content-Type is not application/json.", "Send JSON and say so."
    ),
    "not_found": Problem(404, "Nothing here", "No such address on this gateway.", "Check the path and the method."),
    "method_not_allowed": Problem(
        405, "Not with this method", "The address exists, the method does not.", "See `Allow` in the answer's headers."
    ),
    "idempotency_key_invalid": Problem(
        422,
        "The Idempotency-Key is not usable",
        "It must be 8 to 128 characters among letters, digits, `-`, `_`, `.`, `:`.",
        "Send a fresh UUID for each exchange.",
    ),
    "idempotency_key_reused": Problem(
        409,
        "This Idempotency-Key was used for another request",
        "The same key came earlier with another body; nothing was done.",
        "Use a new key for a new request; repeat the same body to repeat a request.",
    ),
    # who asks
    "invalid_token": Problem(
        401,
        "The access token is missing or not valid",
        "No token, an expired, revoked, forged or foreign one, or one for another audience (RFC 6750 §3.1).",
        "Ask `/oauth/token` for a new token and send it as its `token_type` says: `DPoP` with a proof, or `Bearer`.",
    ),
    "invalid_dpop_proof": Problem(
        401,
        "The DPoP proof is missing or not valid",
        "The token is bound to a key; the proof of that key does not hold for this request (RFC 9449 §4.3).",
        "Sign a new proof for each request: its method, the public address, the time, `ath`, and a new `jti`.",
    ),
    "use_dpop_nonce": Problem(
        401,
        "The DPoP proof lacks a nonce of this gateway",
        "Proofs must hold the nonce that this answer gives in `DPoP-Nonce` (RFC 9449 §9).",
        "Sign the proof again with that nonce, and keep using the newest one you were given.",
    ),
    "insufficient_user_authentication": Problem(
        401,
        "A stronger or more recent sign-in is required",
        "The person behind the token did not sign in at the level, or as recently, as this needs (RFC 9470).",
        "Have the person sign in again as `acr_values` and `max_age` of the challenge say, then ask for a new token.",
    ),
    "token_missing": Problem(
        401,
        "No access token",
        "The request carries no `Authorization` header with a token.",
        "Ask `/oauth/token` for a token; tokens travel in that header only.",
    ),
    "invalid_request": Problem(
        400,
        "The Authorization header cannot be read",
        "Exactly one Authorization header with one token is expected.",
        "Send one header with one token.",
    ),
    "insufficient_scope": Problem(
        403,
        "The token lacks a scope",
        "Each dataset has a scope `data:<dataset>`; other endpoints name theirs in `scope` of the challenge.",
        "Ask the token endpoint for the missing scope; if it refuses, ask the operator to register it.",
    ),
    "actor_required": Problem(
        403,
        "No professional is named",
        "Every exchange names the professional behind it, or a batch job declared by the partner.",
        "Exchange a signed assertion about the professional (RFC 8693), or send `batch_job` with a declared name.",
    ),
    "batch_job_unknown": Problem(
        403,
        "This batch job is not declared",
        "`batch_job` is not in the partner's registration, or came with a professional's token.",
        "Ask the operator to declare the job, or leave `batch_job` out.",
    ),
    # what is asked
    "purpose_unknown": Problem(
        422,
        "This purpose is not in the catalogue",
        "The purpose is mandatory, taken from a closed list, and never guessed.",
        "Read `GET /v1/catalogue`: it lists the purposes open to you.",
    ),
    "unknown_name": Problem(
        422,
        "A dataset or field is not in the vocabulary",
        "`errors` points at the first name that does not exist.",
        "Read `GET /v1/catalogue`: it lists datasets and fields.",
    ),
    "fields_not_open": Problem(
        403,
        "These fields are not open to you for this purpose",
        "A request covers at most what your line of the catalogue covers; `fields` names the others.",
        "Ask for less, or ask the consortium to change the catalogue.",
    ),
    "entry_too_large": Problem(
        422,
        "Too many fields for one exchange",
        "The journal's entry would hold more names than its 4 KiB; nothing was released.",
        "Ask for the datasets in two exchanges.",
    ),
    "person_unknown": Problem(
        404,
        "This person is not known under that name",
        "No person is linked for you under this pseudonym or reference.",
        "Link the person first with `POST /v1/subjects`.",
    ),
    "situation_kept": Problem(
        403,
        "This situation is not a partner's to end",
        "A protected address stays protected until the operator lifts it: whoever looks for the person may ask too.",
        "If it is over, have the person's DPO tell the operator of the gateway.",
    ),
    "subject_ambiguous": Problem(
        409,
        "These identifiers belong to several persons",
        "Nothing was linked: the gateway never guesses who is meant.",
        "Check the identifiers with the person, then send only those that are certain.",
    ),
    "subject_erased": Problem(
        410, "This person's key was destroyed", "The person's data can no longer be exchanged.", "Stop asking."
    ),
    "contended": Problem(
        409,
        "The same person is being changed by others",
        "Several partners changed the same person at once; nothing was done.",
        "Repeat the request.",
    ),
    "reference_conflict": Problem(
        409,
        "This reference already names another person",
        "One reference names one person of yours.",
        "Use another reference, or ask the operator to correct the link.",
    ),
    "identifier_invalid": Problem(
        422,
        "An identifier has not the right form",
        "`errors` points at it; the value is not echoed.",
        "Check length, characters and key of the identifier.",
    ),
    "identifier_not_accepted": Problem(
        403,
        "This kind of identifier is not accepted from you",
        "The NIR may be sent only by partners registered with the scope `subjects:nir` (decree 2019-341).",
        "Leave the identifier out, or ask the operator to register the scope.",
    ),
    # the decision
    "exchange_denied": Problem(
        403,
        "The exchange is not permitted",
        "No field asked for may be released. `reasons` says why, as far as it does not reveal the person.",
        "Follow the reasons: ask for the authorisation, another purpose or other fields. Do not repeat unchanged.",
    ),
    "token_for_another": Problem(
        403,
        "This token is for another request",
        "It was given with one person present, for one purpose. The request names another person or purpose.",
        "Leave `subject` out and ask for the token's own purpose, or use a token of your own system.",
    ),
    "epoch_changed": Problem(
        409,
        "The person's choices changed meanwhile",
        "Between the decision and the release something of the person's changed; nothing was released.",
        "Repeat the exchange: it is decided again on the new state.",
    ),
    "authorisation_expired": Problem(
        409,
        "The authorisation ended meanwhile",
        "It expired between the decision and the release; nothing was released.",
        "Ask for a new authorisation.",
    ),
    "frequency_exceeded": Problem(
        429,
        "The number of exchanges allowed is used up",
        "The catalogue or the person limits how often this may be asked.",
        "Wait for the next period; a repeat with the same Idempotency-Key does not count again.",
    ),
    "incident_freeze": Problem(
        503,
        "Everything is stopped",
        "The operator has stopped all exchanges at this very moment; nothing left.",
        "Ask again later; the operator tells when exchanges go on.",
    ),
    "catalogue_superseded": Problem(
        503,
        "The rules changed at this very moment",
        "Another catalogue became active between the decision and the release; nothing left.",
        "Ask again after `Retry-After`: the new catalogue decides.",
    ),
    "request_pending": Problem(
        409,
        "A request is already waiting for the person",
        "At most one request waits per person, purpose and partner.",
        "Wait for the answer. `request` is the id of the one that waits, in case you never received it.",
    ),
    "request_too_soon": Problem(
        409,
        "The person has answered this lately",
        "After a refusal the same request is not put again for 90 days.",
        "Do not press the person; come back later.",
    ),
    "authorisation_exists": Problem(
        409,
        "An authorisation already stands",
        "For this person, purpose and partner an authorisation is in force, or an objection is being examined.",
        "Use it; nothing needs to be asked.",
    ),
    "authorisation_unknown": Problem(
        404, "No such authorisation", "This person has no authorisation of that id.", "Check the id."
    ),
    "nothing_given": Problem(
        409,
        "Nothing was given under this authorisation",
        "A receipt is of what was given; this request waits, lapsed or got no.",
        "Read the request's answer first.",
    ),
    "record_altered": Problem(
        500,
        "This record is not what was given",
        "Its stored bytes no longer have the digest they were given with, or its journal entry names another; "
        "nothing of it is shown.",
        "Tell the operator: the journal and your receipt prove what was given.",
    ),
    "terms_unknown": Problem(
        409,
        "This request was made under terms that were not kept",
        "It was asked under a catalogue this gateway has not stored: what was given could not be shown again later.",
        "Make a new request.",
    ),
    "already_withdrawn": Problem(
        409, "Already withdrawn", "It had been withdrawn before; the withdrawal stands.", "Nothing is left to do."
    ),
    "request_lapsed": Problem(
        409, "The request has lapsed", "It waited longer than seven days for an answer.", "Make a new request."
    ),
    "fields_not_requested": Problem(
        422,
        "The answer goes beyond the request",
        "A field was given that had not been asked for.",
        "Give only fields of the request.",
    ),
    "state_conflict": Problem(
        409,
        "Not possible in the present state",
        "The authorisation is not in a state that allows this.",
        "Read its present state first.",
    ),
    "purpose_not_open": Problem(
        403,
        "This purpose is not open to you",
        "The catalogue holds no active exchange for you and this purpose.",
        "Read `GET /v1/catalogue`.",
    ),
    **ACTS,
    # what failed
    "sources_unavailable": Problem(
        503,
        "No source answered",
        "Every institution asked was unavailable; nothing was released, the journal says so.",
        "Repeat after `retry_after` seconds.",
    ),
    "sources_refused": Problem(
        502,
        "No source answers this",
        "Every institution asked refused, or says that it cannot answer for this person; nothing was released.",
        "Do not repeat: waiting does not cure it. Tell the operator of the gateway, with `entry`.",
    ),
    "journal_busy": Problem(
        503, "Too much is waiting", "The journal takes no more entries now; nothing was released.", "Repeat shortly."
    ),
    "journal_unavailable": Problem(
        503,
        "The journal cannot be written",
        "Without its entry nothing leaves.",
        "Repeat later; the operator has been told.",
    ),
    "clock_behind": Problem(
        503,
        "The clock has gone back",
        "Entries would be dated before those they follow; nothing was written, nothing leaves.",
        "Repeat later; the operator has been told.",
    ),
    "release_stopped": Problem(
        503,
        "Releases are stopped",
        "The journal's checkpoints are late: what is not provable does not leave.",
        "Repeat later; the operator has been told.",
    ),
    "store_unavailable": Problem(
        503, "The database does not answer", "Nothing was released.", "Repeat later; the operator has been told."
    ),
    "internal_error": Problem(
        500,
        "The gateway failed",
        "An unforeseen error; nothing was released.",
        "Quote `instance` to the operator.",
    ),
}
