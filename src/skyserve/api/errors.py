"""Errors of the API: which HTTP status each has, and the one JSON body that tells them all.

The body is `{"kind", "message", "remedy"}` (skyserve.model.error.ServeError); `kind` is stable.
"""

import logging
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, WithJsonSchema
from starlette.exceptions import HTTPException

from skyserve.contracts.errors import Gone, InfraError, NameTaken
from skyserve.model.error import ErrorKind, ServeError
from skyserve.spec.errors import SpecError

log = logging.getLogger(__name__)

STATUS = {
    ErrorKind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorKind.NAME_TAKEN: HTTPStatus.CONFLICT,
    ErrorKind.INVALID_SPEC: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorKind.INVALID_REQUEST: HTTPStatus.BAD_REQUEST,
    ErrorKind.CONFLICT: HTTPStatus.CONFLICT,
    ErrorKind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorKind.VERSION_MISMATCH: HTTPStatus.UPGRADE_REQUIRED,
    ErrorKind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class ErrorBody(BaseModel):
    """What is answered instead of a result."""

    # Spelled out in place: RESPONSES embeds the schema where a reference would lead nowhere.
    kind: Annotated[ErrorKind, WithJsonSchema({"type": "string", "enum": [kind.value for kind in ErrorKind]})] = Field(
        description="A stable word that programs may branch on.", examples=["not_found"]
    )
    message: str = Field(description="What, where, why.", examples=["Service 'web' not found."])
    remedy: str = Field(description="What to do instead; may be empty.", examples=["See: sky serve status"])


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "It could not be done.",
        "content": {"application/json": {"schema": ErrorBody.model_json_schema()}},
    }
}
"""What the description of the API says of every operation's errors."""


def as_serve_error(error: Exception) -> ServeError:
    """Any error, told in the one way that users know."""
    match error:
        case ServeError():
            return error
        case NameTaken():
            return ServeError(
                ErrorKind.NAME_TAKEN,
                str(error) or "A service of that name exists.",
                "Choose another name; or change it: sky serve update NAME FILE; or end it: sky serve down NAME",
            )
        case SpecError():
            return ServeError(ErrorKind.INVALID_SPEC, str(error))
        case FileNotFoundError() | PermissionError() | NotADirectoryError():
            where = f"{error.strerror}: {error.filename}" if error.filename else str(error)
            return ServeError(ErrorKind.INVALID_REQUEST, where)
        case Gone():
            return ServeError(ErrorKind.NOT_FOUND, str(error))
        case InfraError():
            return ServeError(ErrorKind.UNAVAILABLE, str(error), "See: sky check -v")
        case _:
            return ServeError(ErrorKind.INTERNAL, f"The controller failed: {type(error).__name__}.")


def answer(error: ServeError) -> JSONResponse:
    """The HTTP answer that tells an error."""
    body = ErrorBody(kind=error.kind, message=error.message, remedy=error.remedy)
    return JSONResponse(body.model_dump(mode="json"), status_code=STATUS[error.kind])


async def _told(_: Request, error: Exception) -> JSONResponse:
    return answer(as_serve_error(error))


async def _fault(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(as_serve_error(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    # The values that were refused are left out: a task's secrets may be among them.
    assert isinstance(error, RequestValidationError)
    problems = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
    return answer(ServeError(ErrorKind.INVALID_REQUEST, f"The request is not valid: {problems}"))


async def _http(_: Request, error: Exception) -> JSONResponse:
    # What the framework itself refuses: no such path, a method that a path does not know.
    assert isinstance(error, HTTPException)
    kind = ErrorKind.NOT_FOUND if error.status_code == HTTPStatus.NOT_FOUND else ErrorKind.INVALID_REQUEST
    body = ErrorBody(kind=kind, message=str(error.detail), remedy="See the paths in /v1/openapi.json")
    return JSONResponse(body.model_dump(mode="json"), status_code=error.status_code)


def install(app: FastAPI) -> None:
    """Have the app tell every error in the one way."""
    for told in (ServeError, NameTaken, SpecError, FileNotFoundError, PermissionError, NotADirectoryError, InfraError):
        app.add_exception_handler(told, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)
