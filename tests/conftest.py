"""What holds for every test. In CI each of them runs: a skip would hide a missing package or a missing right."""

import os
from pathlib import Path

import pytest

# gRPC would start threads in whatever a test forks, which a child within new namespaces may not: it would abort.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there are workers: the long tests first, each for itself, so that none is left when all others are done; of
    the others a file's go to one worker, since what they share is dear to make."""
    if not hasattr(config, "workerinput"):
        return
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if not item.get_closest_marker("slow") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(TESTS).with_suffix(""))))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where CI is set and a test was skipped. Its reason is in pytest's summary."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if reporter and skipped and os.environ.get("CI") == "true":
        reporter.write_line("")
        reporter.write_line(f"CI runs every test, but {len(skipped)} skipped (see below).", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
