"""The file of sources: every mistake a sentence that names the entry, never a credential."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors import sandbox
from connectors.errors import ConnectorConfigInvalid
from gateway.services import SourcesInvalid, read_sources
from gateway.settings import PACKAGED_CATALOGUE
from policies.catalogue import Catalogue, load

SECRET = "s3cr3t-of-nobody"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(PACKAGED_CATALOGUE)


def written(folder: Path, content: Any) -> Path:
    path = folder / "sources.yaml"
    path.write_bytes(content if isinstance(content, bytes) else yaml.safe_dump(content).encode())
    return path


async def test_a_good_file_gives_a_connector_per_institution(tmp_path: Path, catalogue: Catalogue) -> None:
    """One for each source of the catalogue."""
    found = read_sources(written(tmp_path, sandbox.sources("http://127.0.0.1:1")), catalogue)
    assert sorted(found) == ["caf-brume", "dept-brume", "ft-brume"]
    for connector in found.values():
        await connector.close()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [", "cannot be read as YAML"),
        (b"\xff\xfe", "cannot be read as YAML"),
        (b"", "one entry per source"),
        (b"- caf-brume", "one entry per source"),
        (b"caf-brume: yes", "one entry per source"),
        (b"!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
        ({"nobody": {}}, "does not know: nobody"),
        ({"caf-brume": {}}, "lacks sources of the catalogue: dept-brume, ft-brume"),
        ({1: {}}, "does not know: 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, catalogue: Catalogue, content: Any, sentence: str
) -> None:
    """`sources_invalid`, the path, what is wrong."""
    with pytest.raises(SourcesInvalid, match=sentence) as caught:
        read_sources(written(tmp_path, content), catalogue)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_file_says_where_to_read_about_it(tmp_path: Path, catalogue: Catalogue) -> None:
    """The documentation is named, and exists."""
    with pytest.raises(SourcesInvalid, match=r"docs/reference/connectors\.md"):
        read_sources(tmp_path / "none.yaml", catalogue)
    assert (Path(__file__).parents[3] / "docs" / "reference" / "connectors.md").exists()


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"connector": "unknown"}, "connector"),
        ({"base_url": "http://elsewhere.example"}, "base_url"),
        ({"base_url": f"https://user:{SECRET}@elsewhere.example"}, "base_url"),
        ({"credentials": {"token": ""}}, "credentials.token"),
        ({"credentials": {"token": SECRET, "other": SECRET}}, "credentials.other"),
        ({"credentials": SECRET}, "credentials"),
        ({"options": {"unknown": SECRET}}, "options.unknown"),
        ({"unknown": SECRET}, "unknown"),
    ],
)
def test_a_wrong_entry_names_its_key_and_no_value(
    tmp_path: Path, catalogue: Catalogue, change: dict[str, Any], key: str
) -> None:
    """A credential never reaches an error."""
    content = sandbox.sources("http://127.0.0.1:1")
    content["caf-brume"] |= change
    with pytest.raises(ConnectorConfigInvalid) as caught:
        read_sources(written(tmp_path, content), catalogue)
    assert caught.value.key == key
    assert SECRET not in str(caught.value)
