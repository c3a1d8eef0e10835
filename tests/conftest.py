"""What holds for every test. In CI each of them runs: a skip would hide a missing package or a missing right."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

# gRPC would start threads in whatever a test forks, which a child within new namespaces may not: it would abort.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# A loaded machine is slow, and no property is wrong for that. All else is as Hypothesis chose it, other in CI.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers take file after file: those with many long tests first, so that none is left when all others are
    done."""
    if hasattr(config, "workerinput"):
        long = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -long[item.path])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where CI is set and a test was skipped. Its reason is in pytest's summary."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if reporter and skipped and os.environ.get("CI") == "true":
        reporter.write_line("")
        reporter.write_line(f"CI runs every test, but {len(skipped)} skipped (see below).", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
