"""Installations for the tests of this directory."""

from collections.abc import Iterator

import pytest

from tests.examples.installation import Installation, own_installation


@pytest.fixture
def installation() -> Iterator[Installation]:
    """One for a single test."""
    with own_installation() as mine:
        yield mine
