"""Metrics for Prometheus: on the API's socket and, where it is wanted, on a port of this machine alone."""

from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from skyserve.api.operations import Operations

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
"""Prometheus' text format, as its client library declares it."""


def metrics_router(operations: Operations) -> APIRouter:
    """The path that Prometheus expects; no part of the versioned API."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Everything, as text."""
        return Response(await operations.metrics(), media_type=CONTENT_TYPE)

    return router


def metrics_app(operations: Operations) -> FastAPI:
    """The metrics and nothing else, for whoever may reach this machine's ports."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(metrics_router(operations))
    return app
