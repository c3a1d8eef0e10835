"""A home of its own for each test, and the API served in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from skyserve.model.home import Home
from tests.api.fake import FakeOperations
from tests.api.serving import serving


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An installation without anything."""
    return Home(tmp_path / "sky")


@pytest.fixture
def operations(home: Home) -> Iterator[FakeOperations]:
    """The fake controller that answers on the home's socket, with a service `web`."""
    with serving(home, FakeOperations()) as fake:
        yield fake
