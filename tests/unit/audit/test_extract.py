"""An extract for the DPO: what was asked, with proofs, never chosen by a person."""

import json

import pytest

from audit.errors import ExportRefused, FilterRefused
from audit.evidence import verify_paths
from audit.extract import extract, read_filter
from audit.journal import Draft
from audit.trust import Trust
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, linked
from tests.unit.audit.test_events import SAMPLES

DAY = 86_400_000
KNOWN = {"org": {"ml-brume", "siae-brume"}, "purpose": {"support.youth"}, "field": {"rsa.since", "aah.since"}}
YEAR = 366 * DAY


def sample(type_, **changes):
    return Draft(type=type_, members=SAMPLES[type_] | changes, time=changes.pop("time", NOW), subject="s")


async def fill(log):
    """Seven entries of two organisations, three of them about exchanges."""
    async with log.journal() as journal:
        await journal.append(linked())
        await journal.append(linked(members={"org": "siae-brume"}))
        await journal.append(sample("exchange.decided"))
        await journal.append(sample("exchange.released"))
        await journal.append(sample("exchange.undelivered"))
        await journal.append(Draft(type="catalogue.activated", members=SAMPLES["catalogue.activated"], time=NOW))
    await log.publish()


async def take(log, out, since=0, until=NOW + DAY, **words):
    noted = []

    async def note(served):
        noted.append(served.shard.origin)

    chosen = read_filter(since, until, words, known=KNOWN)
    beside = {"log.vkey": f"{log.signer.vkey.named(BASE)}\n".encode()}
    count = await extract(log.database, out, chosen, beside=beside, note=note)
    return count, noted


def held(out):
    return sorted(int(file.stem) for file in (out / "2026/entries").glob("*.json"))


@pytest.mark.parametrize(
    ("words", "indices"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"org": ["siae-brume"]}, [2]),
        ({"org": ["siae-brume", "ml-brume"]}, [1, 2, 3, 4, 5]),
        ({"type": ["exchange.released", "exchange.decided"]}, [3, 4]),
        ({"purpose": ["support.youth"]}, [3, 4, 5]),
        ({"field": ["aah.since"]}, [3, 4]),
        ({"field": ["rsa.since"], "type": ["exchange.released"], "org": ["ml-brume"]}, [4]),
        ({"org": ["siae-brume"], "purpose": ["support.youth"]}, []),
    ],
)
async def test_entries_that_answer_are_there_with_proofs_that_hold(sqlite_log, tmp_path, words, indices):
    """Each kind of word narrows; several words of one kind widen; each entry is proved."""
    await fill(sqlite_log)
    out = tmp_path / "out"
    count, noted = await take(sqlite_log, out, **words)
    assert (count, noted) == (len(indices), [ORIGIN])
    assert held(out) == indices
    [report] = verify_paths([out], Trust((sqlite_log.signer.vkey,)))
    assert report.ok, report.lines()
    content = json.loads((out / "2026/extract.json").read_text())
    assert content["filter"] == {"from": 0, "to": NOW + DAY} | {kind: sorted(each) for kind, each in words.items()}


async def test_an_extract_of_a_span_on_both_engines(log, tmp_path):
    """From the first moment on, up to the last excluded; over two years, each under its own checkpoint."""
    await fill(log)
    log.clock.now = NOW + YEAR
    async with log.journal() as journal:
        for _ in range(3):
            await journal.append(linked(time=NOW + YEAR))
    await log.publish()
    for name, since, until, counts in (
        ("all", 0, NOW + 2 * YEAR, [7, 4]),
        ("old", NOW, NOW + 1, [7, 0]),
        ("new", NOW + 1, NOW + YEAR + 1, [0, 4]),
        ("none", NOW - DAY, NOW, [0, 0]),
    ):
        count, noted = await take(log, tmp_path / name, since, until)
        assert (count, noted) == (sum(counts), [ORIGIN, f"{BASE}/2027"])
        found = [json.loads((tmp_path / name / f"{year}/extract.json").read_text()) for year in (2026, 2027)]
        assert [each["entries"] for each in found] == counts
        assert all(report.ok for report in verify_paths([tmp_path / name], Trust((log.signer.vkey.named(BASE),))))


async def test_the_extract_explains_itself_in_both_languages(sqlite_log, tmp_path):
    """README.md: what lies there, how to check it offline, what it cannot prove."""
    await fill(sqlite_log)
    await take(sqlite_log, tmp_path / "out")
    text = (tmp_path / "out/README.md").read_text("utf-8")
    assert text.count("python -m audit verify") == 2
    assert "## Français" in text
    assert "## English" in text


async def test_more_entries_than_one_look_are_all_looked_at(sqlite_log, tmp_path, monkeypatch):
    """Pages do not lose or repeat an entry."""
    from audit import extract as module

    monkeypatch.setattr(module, "_PAGE", 3)
    await fill(sqlite_log)
    count, _ = await take(sqlite_log, tmp_path / "out")
    assert (count, held(tmp_path / "out")) == (7, list(range(7)))


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ({"subject": ["f" * 32]}, 0, 1),
        ({"actor": ["f" * 32]}, 0, 1),
        ({"id": ["f" * 32]}, 0, 1),
        ({"authorisation": ["f" * 32]}, 0, 1),
        ({"org": ["f" * 32]}, 0, 1),
        ({"org": ["morvan"]}, 0, 1),
        ({"purpose": ["2850535238048"]}, 0, 1),
        ({"field": ["elodie@exemple.fr"]}, 0, 1),
        ({"type": ["exchange.releasedd"]}, 0, 1),
        ({}, 1, 1),
        ({}, 2, 1),
    ],
)
def test_a_filter_that_could_name_a_person_is_refused_and_not_repeated(words, since, until):
    """Closed words and a span of time, nothing else; the value is in no message."""
    with pytest.raises(FilterRefused) as refused:
        read_filter(since, until, words, known=KNOWN)
    assert not any(value in str(refused.value) for values in words.values() for value in values)


async def test_an_extract_is_written_once(sqlite_log, tmp_path):
    """It is evidence of a moment: a directory that holds anything is refused."""
    await fill(sqlite_log)
    (tmp_path / "out").mkdir()
    await take(sqlite_log, tmp_path / "out")
    with pytest.raises(ExportRefused, match="not empty"):
        await take(sqlite_log, tmp_path / "out")


async def test_before_a_checkpoint_there_is_nothing_to_extract(sqlite_log, tmp_path):
    """What nobody signed is not evidence yet."""
    async with sqlite_log.journal() as journal:
        await journal.append(linked())
    assert await take(sqlite_log, tmp_path / "out") == (0, [])
