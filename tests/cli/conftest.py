"""The API over the fake controller, in a home of the test's own."""

from tests.api.conftest import home, operations

__all__ = ["home", "operations"]
