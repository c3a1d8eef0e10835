"""`sky serve status`, `sky status` and `sky serve plan`."""

import json
from dataclasses import replace
from functools import partial

import pytest
from click.testing import CliRunner

from skyserve.api.examples import CHECK, PLAN, SERVICE
from skyserve.cli.main import main
from skyserve.client.decode import decode
from skyserve.model.home import Home
from skyserve.model.view import PlanView, ServiceView
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky


def test_all_services_are_shown(operations: FakeOperations) -> None:
    """Both tables, with SkyServe's headings."""
    ran = sky("serve status")
    assert ran.code == 0
    assert ran.out.startswith("Services\nNAME  VERSION  UPTIME")
    assert "\nService Replicas\nSERVICE_NAME  ID" in ran.out


def test_a_name_that_no_service_bears(operations: FakeOperations) -> None:
    """Is told, with exit code 3, beside those that exist."""
    ran = sky("serve status web nobody")
    assert ran.code == 3
    assert "web " in ran.out
    assert "Service 'nobody' not found." in ran.out
    ran = sky("serve status nobody")
    assert (ran.code, ran.out) == (3, "Service 'nobody' not found.\n")
    ran = sky("serve status wbe")
    assert (ran.code, ran.out) == (3, "Service 'wbe' not found. Did you mean 'web'?\n")


def test_no_services(operations: FakeOperations) -> None:
    """A controller without services says so in both tables."""
    operations.views.clear()
    ran = sky("serve status")
    assert (ran.code, ran.out.splitlines()[1]) == (0, "No existing services.")


def test_no_controller(home: Home) -> None:
    """Nothing is started to say that there is nothing."""
    assert sky("serve status").out == "No live services. (See: sky serve -h)\n"
    assert sky("serve status -o json").out == "[]\n"
    assert sky("serve status web").code == 3
    assert "not checked yet" in sky("status").out
    assert not home.root.exists()


def test_the_endpoint_alone(operations: FakeOperations) -> None:
    """For scripts: one URL, `-` while there is none, an error unless it is of one service."""
    assert sky("serve status web --endpoint").out == "http://127.0.0.1:30001\n"
    operations.views["web"] = replace(SERVICE, endpoint="")
    assert sky("serve status web --endpoint").out == "-\n"
    ran = sky("serve status nobody --endpoint")
    assert ran.code == 2
    assert "0 service(s) found. Please specify an existing service to show its endpoint." in ran.err


def test_json_holds_the_views(operations: FakeOperations) -> None:
    """What a program reads is what the SDK returns."""
    ran = sky("serve status -o json")
    assert decode(list[ServiceView], json.loads(ran.out)) == [SERVICE]
    assert decode(PlanView, json.loads(sky("serve plan web -o json").out)) == PLAN


def test_colours_are_for_those_who_want_them(operations: FakeOperations, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there are some, unless NO_COLOR is set."""
    terminal = partial(CliRunner().invoke, main, ["serve", "status"], color=True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in terminal().stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "READY" in (seen := terminal().stdout)
    assert "\x1b[" not in seen


def test_watching_needs_a_terminal(operations: FakeOperations) -> None:
    """A pipe is told what to use instead; so are forms that cannot be watched."""
    ran = sky("serve status --watch")
    assert (ran.code, "-o json" in ran.err) == (2, True)
    assert sky("serve status --watch --endpoint").code == 2


def test_watching_shows_again_and_again(operations: FakeOperations, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is interrupted."""
    looks = 0

    def sleep(_: float) -> None:
        nonlocal looks
        looks += 1
        operations.views["web"] = replace(SERVICE, active_versions=[1, looks + 1])
        if looks == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("skyserve.cli.commands.serve_status.time.sleep", sleep)
    monkeypatch.setattr("skyserve.cli.progress.is_terminal", lambda: True)
    ran = sky("serve status web --watch")
    assert ran.code == 130
    assert "1,3" in ran.out


def test_the_plan(operations: FakeOperations) -> None:
    """Actions with reasons; of no service, an error with exit code 3."""
    assert "1 of 2 replicas wanted are alive" in sky("serve plan web").out
    ran = sky("serve plan nobody")
    assert (ran.code, "Service 'nobody' not found." in ran.err) == (3, True)


def test_sky_status_shows_infras_and_services(operations: FakeOperations) -> None:
    """The infras are looked at once, and again only with -r."""
    operations.checks = [CHECK, replace(CHECK, infra="ssh/lab", enabled=False)]
    first = sky("status")
    assert first.out.startswith("Enabled Infra: local\n\nServices\n")
    assert operations.checked == 1
    sky("status")
    assert operations.checked == 1
    assert json.loads(sky("status -r -o json").out)["enabled_infra"] == ["local"]
    assert operations.checked == 2
