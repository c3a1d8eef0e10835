"""What holds for every test. In CI each of them runs: a skip would hide a missing package or a missing right."""

import os

import pytest

# gRPC would start threads in whatever a test forks, which a child within new namespaces may not: it would abort.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where CI is set and a test was skipped. Its reason is in pytest's summary."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if reporter and skipped and os.environ.get("CI") == "true":
        reporter.write_line("")
        reporter.write_line(f"CI runs every test, but {len(skipped)} skipped (see below).", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
