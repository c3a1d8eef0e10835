"""Errors as HTTP answers."""

import httpx
import pytest

from skyserve.api.app import create_app
from skyserve.api.errors import STATUS, as_serve_error
from skyserve.contracts.errors import Gone, NameTaken, NoCapacity
from skyserve.model.error import ErrorKind, ServeError
from skyserve.spec.errors import refusal
from tests.api.fake import FakeOperations


def http(operations: FakeOperations) -> httpx.AsyncClient:
    """A client of the app, without a socket. What the app failed with is answered, not raised, as on a socket."""
    transport = httpx.ASGITransport(create_app(operations), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost/v1")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ServeError(ErrorKind.CONFLICT, "no"), ErrorKind.CONFLICT),
        (NameTaken("taken"), ErrorKind.NAME_TAKEN),
        (refusal("should be a path", key="workdir"), ErrorKind.INVALID_SPEC),
        (FileNotFoundError(2, "No such file", "/x"), ErrorKind.INVALID_REQUEST),
        (PermissionError(13, "Permission denied", "/x"), ErrorKind.INVALID_REQUEST),
        (Gone("it is no more"), ErrorKind.NOT_FOUND),
        (NoCapacity("asked 4, free 2"), ErrorKind.UNAVAILABLE),
        (RuntimeError("bug"), ErrorKind.INTERNAL),
    ],
)
async def test_each_error_has_its_kind_and_status(error: Exception, kind: ErrorKind) -> None:
    """Whatever an operation raises is answered with the kind, and the status that belongs to it."""
    assert as_serve_error(error).kind is kind
    async with http(FakeOperations(fault=error)) as client:
        response = await client.get("/services")
    assert response.status_code == STATUS[kind]
    assert response.json().keys() == {"kind", "message", "remedy"}
    assert response.json()["kind"] == kind


def test_every_kind_has_a_status() -> None:
    """No kind of error is without an HTTP status."""
    assert set(STATUS) == set(ErrorKind)


def test_a_missing_file_is_named() -> None:
    """The message of a file that is not there has its path."""
    assert as_serve_error(FileNotFoundError(2, "No such file", "/w/x")).message == "No such file: /w/x"


async def test_a_fault_tells_nothing_of_its_inside() -> None:
    """The message of an unforeseen error stays in the log: it may quote a secret."""
    async with http(FakeOperations(fault=RuntimeError("hunter2"))) as client:
        response = await client.get("/services")
    assert "hunter2" not in response.text


async def test_a_request_that_is_refused_is_not_quoted() -> None:
    """A body that does not validate is answered with where it is wrong, never with its values."""
    body = {"task": {"run": "x", "secrets": {"TOKEN": ["hunter2"]}}, "base": "/"}
    async with http(FakeOperations()) as client:
        response = await client.post("/services", json=body)
    assert response.status_code == 400
    assert "TOKEN" in response.json()["message"]
    assert "hunter2" not in response.text


async def test_a_path_that_does_not_exist_is_told_in_the_one_way() -> None:
    """What the framework refuses by itself has the same body as everything else."""
    async with http(FakeOperations()) as client:
        response = await client.get("/nothing")
    assert response.status_code == 404
    assert response.json()["kind"] == "not_found"
    assert response.json()["remedy"] == "See the paths in /v1/openapi.json"


@pytest.mark.parametrize("query", ["", "?name=web&all=true"])
async def test_ending_everything_must_be_said(query: str) -> None:
    """Neither no name at all, nor names together with `all`, ends anything."""
    operations = FakeOperations()
    async with http(operations) as client:
        response = await client.delete(f"/services{query}")
    assert response.status_code == 400
    assert operations.downs == []


async def test_a_relative_base_is_refused() -> None:
    """The controller has another current directory than its clients."""
    async with http(FakeOperations()) as client:
        response = await client.post("/services", json={"task": {"run": "x"}, "base": "here"})
    assert response.status_code == 400
    assert "absolute" in response.json()["message"]


@pytest.mark.parametrize("name", ["-a", "a-", "1a", "a b", "a/b", "a" * 200, ""])
async def test_names_are_held_to_the_rule(name: str) -> None:
    """A service cannot be given a name that a file or a URL could not bear."""
    operations = FakeOperations()
    async with http(operations) as client:
        response = await client.post("/services", json={"task": {"run": "x"}, "base": "/", "name": name})
    assert response.status_code == 400
    assert operations.ups == []
