"""In CI every test runs: a skip there would hide a missing package or a missing right."""

import os

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where CI is set and a test was skipped. Its reason is in pytest's summary."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if reporter and skipped and os.environ.get("CI") == "true":
        reporter.write_line("")
        reporter.write_line(f"CI runs every test, but {len(skipped)} skipped (see below).", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
