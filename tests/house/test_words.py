"""Rules for every text in the repository: it is finished, and speaks of nothing but the project."""

import re

import pytest

from tests.house.tree import ROOT, files

# Put together here, so that this file does not break its own rules.
REGISTRIES = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "deb.debian" + ".org",
    "conda.anaconda" + ".org",
)
FORBIDDEN = {
    "unfinished work": r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b",
    "a path of the machine it was written on": "/wo" + "rk/(main|shared)",
    "the host of a package registry": "|".join(re.escape(host) for host in REGISTRIES),
    "a number in a tracker that readers do not have": r"(?i)\b(issue|ticket) #?\d|\bSB (section )?\d",
}


def _texts() -> list[tuple[str, str]]:
    found = []
    for path in files():
        try:
            found.append((str(path.relative_to(ROOT)), path.read_text()))
        except UnicodeDecodeError:
            continue  # a picture, or a test's bytes
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_text_has(what: str) -> None:
    """What is committed can be read by anybody, anywhere, at any time."""
    pattern = re.compile(FORBIDDEN[what])
    hits = [
        f"{name}:{number}: {line.strip()}"
        for name, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not hits, "\n".join(hits)
