"""What a row of the table of errors holds, and the rows about acts for a person, signals, the journal and witnesses."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One row: HTTP status, title, what it means, what to do."""

    status: int
    title: str
    meaning: str
    remedy: str


ACTS: Mapping[str, Problem] = {
    # on a person's behalf
    "assistance_incomplete": Problem(
        422,
        "What this answer rests on is missing",
        "Each channel asks for its own: the person present, a witness, a code, a signed paper. `missing` names it.",
        "See the table in docs/how-to/ask-a-person.md; taking back never asks for more than giving did.",
    ),
    "witness_refused": Problem(
        403,
        "The witness is the same professional",
        "A witness is a second professional, with a token of their own.",
        "Ask a colleague to sign in, or let the person confirm by a code.",
    ),
    "code_refused": Problem(
        403,
        "This code does not confirm this",
        "Wrong, used, older than ten minutes, tried five times, or asked for another answer: one word for all.",
        "Check the digits with the person, or send a new code for the very answer you note.",
    ),
    "codes_spent": Problem(
        429,
        "Too many codes for one day",
        "A person is sent five codes within 24 hours at most.",
        "Note the answer with a witness, or come back tomorrow.",
    ),
    "contact_missing": Problem(
        409,
        "No number to send a code to",
        "The person has given the gateway no number; a professional cannot give one for them.",
        "Note the answer with a witness.",
    ),
    "message_not_sent": Problem(
        503, "The message was not sent", "No messenger is configured, or it failed.", "Repeat later, or use a witness."
    ),
    "mandate_refused": Problem(
        403,
        "No mandate covers this",
        "Unknown, over, for another person or purpose, or one that needs the person present: one word for all.",
        "Check the mandate and its dates; the person can always answer themselves.",
    ),
    "holder_refused": Problem(
        403,
        "Recorded by its holder",
        "A mandate that lets somebody sign in alone is recorded by two professionals, and neither is its holder.",
        "Ask two colleagues to record it, each with a token of their own.",
    ),
    # being told
    "webhook_unknown": Problem(
        404,
        "No such webhook, or no such event",
        "You have no webhook of that id, or nothing of that id was to be delivered to it.",
        "Read `GET /v1/webhooks` and its deliveries; events older than the time of replay are gone.",
    ),
    "webhook_limit": Problem(
        409, "No more webhooks", "A partner has at most eight.", "Delete one that is not used any more."
    ),
    "webhook_address_refused": Problem(
        422,
        "Not an address signals are sent to",
        "It must be https, without credentials or fragment, and its name must lead to public addresses only.",
        "Correct the address; `errors` holds the reason.",
    ),
    # the journal
    "not_published": Problem(
        404,
        "Not published",
        "No checkpoint that is served covers what was asked, or the log has no such year.",
        "Read `/log/checkpoint` first, and ask for what lies within its size.",
    ),
    "pruned": Problem(
        410,
        "Removed when its time was over",
        "These entries were pruned, as the log announces (`log.pruned`); their hashes and proofs stay.",
        "Ask for the receipt of the entry, or for the tiles of hashes.",
    ),
    # being a witness
    "submission_malformed": Problem(
        400,
        "Not a submission to a witness",
        "The body is not `old <size>`, up to 63 hashes, an empty line and a checkpoint (C2SP tlog-witness).",
        "Compare the body with the norm; the old size is never above the checkpoint's.",
    ),
    "log_key_missing": Problem(
        403,
        "Not signed by a key of this log",
        "No key this witness trusts for the origin has signed, or a signature in its name does not hold.",
        "Give the operator of the witness the log's public key, also before it changes.",
    ),
    "log_unknown": Problem(
        404,
        "Not a log of this witness",
        "The origin is not in the file of logs this gateway follows, or nothing of it was cosigned yet.",
        "Ask the operator of the witness to add the log.",
    ),
    "inconsistent_checkpoint": Problem(
        422,
        "Not a continuation",
        "The checkpoint does not continue the one cosigned last: the proof is wrong, or the log has two histories.",
        "Compare the log with the checkpoint this witness shows; see the runbook of the witness.",
    ),
    "too_many_requests": Problem(
        429, "Too often", "This address has called too often within a short time.", "Repeat after `Retry-After`."
    ),
}
