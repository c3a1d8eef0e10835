"""What the waiting room says, in the shape of the proxy's own errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from skyserve.endpoint.translate.waiting import RELEASE_HEADER


@dataclass(frozen=True, slots=True)
class Answer:
    """Headers without the length of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def error(kind: str, message: str, request_id: str, retry_after: int | None, *, release: bool = False) -> Answer:
    """503. `retry_after`: seconds; None: there is no use in asking again. `release`: the proxy is to ask once more, and
    shows this to nobody unless it has asked too often."""
    status = int(HTTPStatus.SERVICE_UNAVAILABLE)
    told = {"message": message, "type": kind, "code": status, "request_id": request_id}
    headers = {"content-type": "application/json"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if release:
        headers[RELEASE_HEADER] = "1"
    return Answer(status, headers, json.dumps({"error": told}).encode())
