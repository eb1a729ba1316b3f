"""Registration of partner systems, and how long a registration may be remembered."""

import contextlib

import pytest

from audit import events, forms
from gateway.oauth import models
from gateway.oauth.client import new_key
from gateway.oauth.errors import PartnerChanged, PartnerExists, PartnerInvalid
from gateway.oauth.partners import (
    SUSPENDED,
    Partners,
    find_partner,
    insert_partner,
    journal_members,
    list_partners,
    new_partner,
    register,
    replace_partner,
    with_scopes,
    with_status,
)

NOW = 1_800_000_000_000
KEY = new_key("k1")


def partner(**changes):
    return new_partner(
        **{
            "id": "ml-brume", "name": "Mission locale de la Brume", "siret": "12345678200010",
            "scopes": ["data:rsa", "subjects"], "jwks": KEY.jwks(), "batch_jobs": ["nightly"], "now": NOW,
        } | changes
    )  # fmt: skip


@pytest.fixture
async def store(database):
    await database.write(models.metadata.create_all)
    return database


async def test_a_registration_is_read_as_it_was_written(store):
    """What comes back is what was checked, with its keys ready to verify."""
    written = partner()
    await register(store, written)
    found = await store.read(lambda connection: find_partner(connection, "ml-brume"))
    assert found == written
    assert found.active
    assert found.keys["k1"].key.public_numbers() == KEY.private.public_key().public_numbers()
    assert await store.read(lambda connection: find_partner(connection, "nobody")) is None


async def test_an_id_is_registered_once(store):
    """A second registration under the same id changes nothing and says so."""
    await register(store, partner())
    with pytest.raises(PartnerExists):
        await register(store, partner(name="Other", scopes=["data:c2s"]))
    assert (await store.read(lambda connection: find_partner(connection, "ml-brume"))).name.startswith("Mission")


async def test_a_registration_goes_with_the_transaction_that_carries_it(store):
    """`insert_partner` works inside another's transaction: if that fails, nothing of it stays."""

    def work(connection):
        insert_partner(connection, partner())
        raise KeyError

    with pytest.raises(KeyError):
        await store.write(work)
    assert await store.read(lambda connection: find_partner(connection, "ml-brume")) is None


async def test_partners_are_listed_in_order_one_page_at_a_time(store):
    """Lists are ordered and bounded."""
    for name in ("cc-brume", "aa-brume", "bb-brume"):
        await register(store, partner(id=name))
    first = await store.read(lambda connection: list_partners(connection, limit=2))
    rest = await store.read(lambda connection: list_partners(connection, after=first[-1].id, limit=2))
    assert [found.id for found in (*first, *rest)] == ["aa-brume", "bb-brume", "cc-brume"]


async def test_a_change_bites_within_five_seconds(store):
    """A registration is remembered for less than five seconds, never longer."""
    await register(store, partner())
    partners = Partners(store)
    assert (await partners.get("ml-brume", NOW)).active
    await suspend(store)
    assert (await partners.get("ml-brume", NOW + 4_999)).active
    assert not (await partners.get("ml-brume", NOW + 5_000)).active


async def test_a_clock_that_goes_back_does_not_lengthen_the_memory(store):
    """A registration read in the future is read again."""
    await register(store, partner())
    partners = Partners(store)
    await partners.get("ml-brume", NOW)
    await suspend(store)
    assert not (await partners.get("ml-brume", NOW - 1)).active


async def test_a_new_partner_works_at_once(store):
    """That an id was unknown is not remembered."""
    partners = Partners(store)
    assert await partners.get("ml-brume", NOW) is None
    await register(store, partner())
    assert await partners.get("ml-brume", NOW) is not None


async def test_the_memory_is_bounded(store):
    """However many partners there are, only so many are remembered."""
    partners = Partners(store, size=2)
    for name in ("aa-brume", "bb-brume", "cc-brume"):
        await register(store, partner(id=name))
        await partners.get(name, NOW)
    assert len(partners._known) == 1


async def suspend(store):
    former = await store.read(lambda connection: find_partner(connection, "ml-brume"))
    changed = with_status(former, SUSPENDED, now=NOW)
    await store.write(lambda connection: replace_partner(connection, former, changed))


async def test_of_two_changes_at_once_the_second_is_refused(store):
    """Both read the same registration; neither is lost unnoticed."""
    await register(store, partner())
    former = await store.read(lambda connection: find_partner(connection, "ml-brume"))
    for scopes, refused in ((["data:c2s"], False), (["data:rqth"], True)):
        changed = with_scopes(former, scopes, now=NOW)
        with pytest.raises(PartnerChanged) if refused else contextlib.nullcontext():
            await store.write(lambda connection, changed=changed: replace_partner(connection, former, changed))
    found = await store.read(lambda connection: find_partner(connection, "ml-brume"))
    assert (found.scopes, found.changed_at) == ({"data:c2s"}, NOW + 1)


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("id", ["", "a", "Ml-brume", "9ml", "ml_brume", "ml--brume", "ml-", "a" * 42, "ml brume", "ml\n", None]),
        ("name", ["", " x", "x ", "x" * 121, "a\nb", "a\x00b"]),
        ("siret", ["", "12345678200011", "123 456 782 00010"]),
        (
            "scopes",
            [[], [""], ["data:RSA"], ["a b"], ["data:rsa "], ['a"b'], ["rsa\n"], [f"s:a{n}" for n in range(65)]],
        ),
        ("batch_jobs", [["Nightly"], ["a b"], [f"job-{n}" for n in range(33)]]),
        ("jwks", [None, {}, {"keys": []}]),
        ("binding", ["", "DPoP", "none"]),
        ("jwks_uri", ["https://keys.example.org/jwks"]),  # beside jwks
        (
            "redirect_uris",
            [
                ["http://ml.example.org/back"],
                ["https://ml.example.org/back#here"],
                ["https://a@ml.example.org/"],
                ["https:///back"],
                ["javascript:alert(1)"],
                ["https://ml.example.org/re tour"],
                ["https://[::1/"],
                ["https://ml.example.org:x/"],
                ["https://ml.example.org/" + "a" * 500],
                [f"https://ml.example.org/{number}" for number in range(9)],
            ],
        ),
    ],
)
def test_a_member_that_breaks_its_rule_is_named(member, values):
    """Registration says which member is wrong and what it must be."""
    for value in values:
        with pytest.raises(PartnerInvalid) as caught:
            partner(**{member: value})
        assert caught.value.member == member
        assert caught.value.code == "partner_invalid"


def test_every_name_a_registration_accepts_fits_into_the_journal():
    """Ids, scopes, jobs and thumbprints are written into `partner.registered`, whose forms are closed."""
    members = journal_members(
        partner(
            id="a" * 41, scopes=["data:rsa", "subjects", "a_b.c1"], batch_jobs=["a-1", "nightly-2"], binding="mtls",
            certificates=["san_dns:ml.example.org"], redirect_uris=["https://ml.example.org/back"],
        )
    )  # fmt: skip
    events.check("partner.registered", members)
    assert forms.slug(members["org"])
    assert forms.siret(members["siret"])
    assert all(map(forms.scope, members["scopes"]))
    assert all(map(forms.slug, members["batches"]))
    assert all(map(forms.thumbprint, members["keys"]))


def test_no_key_is_shown():
    """Public as it is, a key has no place in a log."""
    assert "jwks=" not in repr(partner())
    assert "keys=" not in repr(partner())


def test_tokens_are_bound_by_dpop_unless_the_registration_says_otherwise():
    """Forgetting to choose is not choosing bearer tokens."""
    assert partner().binding == "dpop"


@pytest.mark.parametrize(
    "certificates",
    [
        [], ["ml.example.org"], ["san_dns:*.example.org"], ["san_dns:localhost"], ["sha256:abc"], ["subject_dn:"],
        ["subject_dn:Brume"], ["sha1:" + "A" * 43], [f"san_dns:a{number}.example.org" for number in range(9)],
    ],
)  # fmt: skip
def test_mtls_needs_certificates_of_a_known_form(certificates):
    """Without one, any certificate at all would do; a wildcard would let neighbours in."""
    with pytest.raises(PartnerInvalid) as caught:
        partner(binding="mtls", certificates=certificates)
    assert caught.value.member == "certificates"


def test_certificates_are_refused_where_nothing_looks_at_them():
    """A registration that seems stricter than it is misleads who reads it."""
    with pytest.raises(PartnerInvalid):
        partner(binding="dpop", certificates=["san_dns:ml.example.org"])


async def test_certificates_and_addresses_are_kept_in_their_one_form(store):
    """A name in capitals, or a subject by its numbers, is the same one."""
    expected = ["san_dns:ML.example.org", "subject_dn:2.5.4.3=Brume,O=Mission locale", "sha256:" + "A" * 43]
    back = ["https://ml.example.org/b", "https://ml.example.org/a", "http://127.0.0.1:9000/back"]
    written = new_partner(
        id="ml-brume", name="ML", siret="12345678200010", scopes=["data:rsa"], binding="mtls", certificates=expected,
        jwks_uri="https://ml.example.org/jwks", redirect_uris=back, now=NOW,
    )  # fmt: skip
    await register(store, written)
    assert await store.read(lambda connection: find_partner(connection, "ml-brume")) == written
    assert written.certificates == (
        "san_dns:ml.example.org", "sha256:" + "A" * 43, "subject_dn:CN=Brume,O=Mission locale",
    )  # fmt: skip
    assert written.redirect_uris == tuple(sorted(back))
    assert (written.keys, written.jwks) == ({}, ())
