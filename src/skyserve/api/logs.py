"""Logs over HTTP, as plain text that may be followed."""

from typing import Annotated

from fastapi import APIRouter, Query

from skyserve.api.log_stream import LogStream, encoded
from skyserve.api.operations import Operations

Follow = Annotated[bool, Query(description="Go on as more is written, until the log ends.")]
Tail = Annotated[int | None, Query(ge=0, description="Begin with the last so many lines. None: from the beginning.")]


def logs_router(operations: Operations) -> APIRouter:
    """Paths of logs, below /services/{name}."""
    router = APIRouter(prefix="/services/{name}", tags=["logs"])

    @router.get("/events", response_class=LogStream, status_code=200, summary="What the controller did with a service")
    async def events(name: str, follow: Follow = False, tail: Tail = None) -> LogStream:
        """One line an event."""
        return LogStream(encoded(operations.events(name, follow=follow, tail=tail)))

    @router.get("/replicas/{replica_id}/log", response_class=LogStream, status_code=200, summary="A replica's log")
    async def replica_log(name: str, replica_id: int, follow: Follow = False, tail: Tail = None) -> LogStream:
        """Of living replicas and of dead ones."""
        return LogStream(operations.replica_log(name, replica_id, follow=follow, tail=tail))

    @router.get("/load-balancer/log", response_class=LogStream, status_code=200, summary="Requests at the endpoint")
    async def load_balancer_log(name: str, follow: Follow = False, tail: Tail = None) -> LogStream:
        """One line a request."""
        return LogStream(operations.load_balancer_log(name, follow=follow, tail=tail))

    return router
