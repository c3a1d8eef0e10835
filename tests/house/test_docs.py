"""Rules for the documents: they lead somewhere, and say what the code says."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.house import lifecycle_table
from tests.house.tree import ROOT, files

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = [path.relative_to(ROOT) for path in files(".md")]


def _prose(path: Path) -> str:
    """The text without its code, in which brackets mean other things."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    """A link within the repository names a file that is there, and a heading that is in it."""
    broken = []
    for link in LINK.findall(_prose(ROOT / document)):
        place, _, anchor = link.partition("#")
        target = (ROOT / document).parent / place if place else ROOT / document
        if "://" not in link and (not target.exists() or (anchor and anchor not in _anchors(target))):
            broken.append(link)
    assert broken == []


def test_decisions_are_numbered_in_a_row() -> None:
    """Each decision has the next number, in its file's name and its heading."""
    found = sorted(DECISIONS.glob("*.md"))
    assert [path.name[:5] for path in found] == [f"{number:04}-" for number in range(1, len(found) + 1)]
    for number, path in enumerate(found, 1):
        assert path.read_text().startswith(f"# {number}. "), path.name


def test_every_document_is_found_from_the_index() -> None:
    """docs/README.md leads to each document and each decision."""
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(_prose(index))}
    assert {path for path in files(".md") if path.is_relative_to(ROOT / "docs")} - linked - {index} == set()


def test_every_dependency_has_its_reason() -> None:
    """The table of the decision names the runtime dependencies of pyproject.toml, all of them and no others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [re.split(r"[^\w-]", dependency)[0] for dependency in project["dependencies"]]
    table = (DECISIONS / "0002-dependencies.md").read_text()
    assert re.findall(r"^\| ([a-z][\w-]*) \|", table, flags=re.MULTILINE)[1:] == sorted(wanted)


def test_the_life_of_a_replica_is_told_as_it_is() -> None:
    """The table in docs/architecture.md is the one the code has: python -m tests.house.lifecycle_table writes it."""
    assert lifecycle_table.present() == lifecycle_table.table()


def test_every_example_is_in_the_index() -> None:
    """examples/README.md tells of each example."""
    examples = ROOT / "examples"
    index = (examples / "README.md").read_text()
    folders = {path.relative_to(examples).parts[0] for path in files() if path.is_relative_to(examples)} - {"README.md"}
    assert len(folders) > 1
    assert {folder for folder in folders if f"[{folder}]" not in index} == set()
