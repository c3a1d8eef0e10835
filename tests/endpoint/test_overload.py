"""How much Envoy may take of the machine, and what it does at the limit."""

import pytest

from skyserve.endpoint.overload import connection_limit, heap_limit


@pytest.mark.parametrize(("memory", "limit"), [(2**29, 2**28), (2**30, 2**29), (2**33, 2**31), (2**36, 2**32)])
def test_heap_is_bounded(memory: int, limit: int) -> None:
    """A quarter of memory, no less than 512 MiB unless that is more than half, no more than 4 GiB."""
    assert heap_limit(memory) == limit


@pytest.mark.parametrize(("files", "limit"), [(256, 64), (20_000, 9_744), (1_048_576, 50_000)])
def test_connections_leave_files_for_replicas(files: int, limit: int) -> None:
    """Less than half the files that Envoy may open."""
    assert connection_limit(files) == limit
