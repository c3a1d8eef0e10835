"""Versions of a service over HTTP."""

from pathlib import Path

import pytest

from skyserve.api.examples import UPDATING
from skyserve.model.rollout import UpdateMode
from tests.api.fake import FakeOperations
from tests.api.test_errors import http

TASK = {"run": "serve", "resources": {"ports": 8080}, "service": {"replicas": 1}}


async def test_an_update_needs_no_mode(tmp_path: Path) -> None:
    """Without one the task decides; one that is given arrives."""
    operations = FakeOperations()
    async with http(operations) as client:
        for extra in ({}, {"mode": None}, {"mode": "canary"}):
            body = {"task": TASK, "base": str(tmp_path), **extra}
            assert (await client.post("/services/web/versions", json=body)).status_code == 201
    assert [(base, mode) for _, _, base, mode in operations.updates] == [
        (tmp_path, None),
        (tmp_path, None),
        (tmp_path, UpdateMode.CANARY),
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("versions", {"task": TASK, "base": "here"}),
        ("versions", {"task": TASK, "base": "/tmp", "mode": "canarry"}),
        ("versions", {"base": "/tmp"}),
        ("versions/preview", {"task": TASK, "base": "here"}),
        ("rollback", {"to": 0}),
    ],
)
async def test_what_is_no_request_is_refused(path: str, body: dict[str, object]) -> None:
    """As a request that is not valid; nothing reaches the controller."""
    operations = FakeOperations()
    async with http(operations) as client:
        response = await client.post(f"/services/web/{path}", json=body)
    assert (response.status_code, response.json()["kind"]) == (400, "invalid_request")
    assert (operations.updates, operations.rollbacks) == ([], [])


@pytest.mark.parametrize("path", ["versions", "rollback?to=9"])
async def test_what_is_not_there_is_not_found(path: str) -> None:
    """A service or a version."""
    name = "web" if "rollback" in path else "nobody"
    async with http(FakeOperations()) as client:
        assert (await client.get(f"/services/{name}/{path}")).status_code == 404


async def test_an_update_is_held_and_goes_on() -> None:
    """Only one that is under way: else the present state of the service is against it."""
    operations = FakeOperations()
    async with http(operations) as client:
        assert (await client.post("/services/web/rollout/pause")).status_code == 409
        operations.views["web"] = UPDATING
        assert (await client.post("/services/web/rollout/pause")).json()["rollout"]["paused"] is True
        assert (await client.post("/services/web/rollout/resume")).json()["rollout"]["paused"] is False
