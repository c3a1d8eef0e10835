"""How much Envoy may take of the machine."""

import pytest

from skyserve.endpoint.bootstrap import connection_limit, heap_limit


@pytest.mark.parametrize(("memory", "limit"), [(2**30, 512 * 2**20), (8 * 2**30, 2 * 2**30), (64 * 2**30, 4 * 2**30)])
def test_heap_is_bounded(memory: int, limit: int) -> None:
    """A quarter of memory, no less than 512 MiB, no more than 4 GiB."""
    assert heap_limit(memory) == limit


@pytest.mark.parametrize(("files", "limit"), [(256, 64), (20_000, 9_744), (1_048_576, 50_000)])
def test_connections_leave_files_for_replicas(files: int, limit: int) -> None:
    """Less than half the files that Envoy may open."""
    assert connection_limit(files) == limit
