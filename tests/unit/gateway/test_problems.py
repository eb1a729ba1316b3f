"""The table of problems is complete: whatever can reach the edge has its row, its page and its documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import connectors.sandbox.errors
import gateway.app  # noqa: F401  whatever a request can reach
from audit.errors import AuditError, StoreUnavailable
from connectors.errors import ConnectorError
from consent.errors import ConsentError, IdentifierInvalid
from gateway.oauth.challenges import BearerRefused
from gateway.problems import PROBLEMS, Refusal, code_of, page, problem
from policies.errors import PolicyError, UnknownName

ROOT = Path(__file__).parents[3]

INTERNAL = {
    # bases, never raised themselves
    "audit_error", "connector_error", "consent_error", "journal_error", "policy_error", "guard_refused",
    # they stop a start or a command, before or beside any request
    "catalogue_invalid", "connector_config_invalid", "durability_refused", "export_refused", "facts_invalid",
    "journal_inconsistent", "key_refused", "sandbox_people_invalid", "rotation_refused", "retention_refused",
    # the publisher's and the verifiers', outside requests
    "note_invalid", "receipt_invalid", "signer_refused", "log_contradicted", "nothing_to_verify", "proof_invalid",
    "filter_refused", "mirror_refused", "seal_broken", "timestamp_refused", "timestamp_unchecked",
    # the witnesses': the norm gives their answers plain texts (gateway/api/witness.py)
    "contradiction_claimed", "size_conflict", "submission_refused", "witness_answer_invalid", "witness_policy_invalid",
    "witness_unavailable",
    # faults of ours when they happen in a request: 500 is the honest answer
    "catalogue_mismatch", "entry_invalid", "key_unusable", "not_canonical", "source_unknown",
    # transitions that only the person's pages and the operator's commands carry out
    "flag_unknown", "not_entitled", "reason_unknown", "wider_than_given", "erasure_closed", "erasure_not_due",
    "erasure_pending", "erasure_unknown", "erasure_unsigned", "officer_refused", "right_unknown", "right_pending",
    "right_closed", "right_invalid", "extension_too_late", "contact_invalid", "link_unknown", "explicit_missing",
}  # fmt: skip


def classes(base: type[BaseException]) -> Iterator[type[BaseException]]:
    yield base
    for each in base.__subclasses__():
        yield from classes(each)


EVERY = sorted(
    {
        each.code
        for base in (ConsentError, AuditError, PolicyError, ConnectorError, BearerRefused)
        for each in classes(base)
        if "code" in vars(each) and not each.__module__.startswith("tests")
    }
)


def test_the_sandbox_is_part_of_the_walk() -> None:
    """Its errors derive from nothing else than what is listed."""
    assert connectors.sandbox.errors.PeopleInvalid.code in {*EVERY, "sandbox_people_invalid"}


@pytest.mark.parametrize("code", EVERY)
def test_each_code_of_the_packages_is_in_the_table_or_known_not_to_reach_it(code: str) -> None:
    """A new exception forces a decision: a row of the table, or a line above with its reason."""
    assert (code in PROBLEMS) != (code in INTERNAL)


def test_no_code_is_excused_that_does_not_exist() -> None:
    """The list above stays true."""
    assert set(EVERY) | {"sandbox_people_invalid"} >= INTERNAL


def test_every_refusal_written_in_the_gateway_is_in_the_table() -> None:
    """`Refusal("…")` with a code nobody described would be a 500."""
    written = {
        code
        for path in (ROOT / "gateway").rglob("*.py")
        for code in re.findall(r'Refusal\(\s*"([a-z_]+)"', path.read_text("utf-8"))
        if "oauth" not in path.parts
    }
    assert written
    assert written <= PROBLEMS.keys()


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_each_row_says_what_happened_and_what_to_do(code: str) -> None:
    """Status that fits, sentences that end, a page of its own in the documentation."""
    row = PROBLEMS[code]
    assert row.status in {400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 429, 500, 502, 503}
    assert not row.title.endswith(".")
    assert row.meaning.endswith((".", ")."))
    assert row.remedy.endswith(".")
    assert f"`{code}`" in (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    assert page(code).startswith(f"## `{code}`")


@pytest.mark.parametrize("code", sorted(code for code, row in PROBLEMS.items() if row.status in {503, 429}))
def test_what_may_be_repeated_says_when(code: str) -> None:
    """Retry-After on every 503 (RFC 9110 §10.2.3)."""
    answer = problem(Refusal(code), instance="urn:x", base_url="https://x.example")
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)
    answer = problem(Refusal(code, retry_after=77), instance="urn:x", base_url="https://x.example")
    assert answer.headers["retry-after"] == "77"


class StrangerError(Exception):
    code = 7


@pytest.mark.parametrize(
    "error", [ValueError("secret"), KeyError("secret"), StrangerError("secret"), ConsentError("secret")]
)
def test_an_unknown_error_is_internal_and_its_text_stays_here(error: Exception) -> None:
    """500, without the message."""
    assert code_of(error) == "internal_error"
    answer = problem(error, instance="urn:x", base_url="https://x.example")
    assert answer.status_code == 500
    assert b"secret" not in bytes(answer.body)


def test_every_extension_member_is_documented_and_described() -> None:
    """`errors.md` and the OpenAPI description name those that the code writes, and no other."""
    code = [path.read_text("utf-8") for package in ("gateway", "consent") for path in (ROOT / package).rglob("*.py")]
    calls = [node for text in code for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    refusals = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Refusal"]
    given = {keyword.arg for call in refusals for keyword in call.keywords} - {None, "headers"}
    given |= {name for text in code for name in re.findall(r'self\.members = {"(\w+)"', text)}
    page = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    [told] = re.findall(r"Extension members: (.*?)\. Values", page, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", told)) == given
    described = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text("utf-8"))["components"]["schemas"][
        "Problem"
    ]
    assert described["properties"].keys() - set(described["required"]) == given


def test_pointers_of_the_packages_errors_are_passed_on() -> None:
    """`errors` names the place, as the API's own mistakes do."""
    for error, pointer in (
        (UnknownName("field", 3), b'"pointer":"/fields/3"'),
        (IdentifierInvalid("/identifiers/nir", "form"), b'"pointer":"/identifiers/nir"'),
    ):
        assert pointer in bytes(problem(error, instance="urn:x", base_url="https://x.example").body)


def test_the_cause_of_a_store_failure_is_not_told() -> None:
    """The driver's class is the operator's business."""
    answer = problem(StoreUnavailable("OperationalError"), instance="urn:x", base_url="https://x.example")
    assert b"OperationalError" not in bytes(answer.body)
