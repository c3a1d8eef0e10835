"""The controller's REST API, put together. Everything is below /v1; its description is at /v1/openapi.json."""

import os
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from skyserve.api import errors
from skyserve.api.infras import infras_router
from skyserve.api.keys import keys_router
from skyserve.api.logs import logs_router
from skyserve.api.metrics import metrics_router
from skyserve.api.operations import Operations
from skyserve.api.services import services_router
from skyserve.api.traffic import traffic_router
from skyserve.api.updates import updates_router
from skyserve.model.view import PROTOCOL, Health


def create_app(operations: Operations) -> FastAPI:
    """An ASGI app over the operations of one controller."""
    release = version("skyserve")
    app = FastAPI(
        title="SkyServe controller",
        version=release,
        description="What `sky` and the Python SDK speak with the controller, over a Unix socket of the user's own.",
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from elsewhere, and nobody browses a Unix socket.
        docs_url=None,
        redoc_url=None,
    )
    errors.install(app)
    for router in (
        _controller_router(operations, release),
        services_router(operations),
        updates_router(operations),
        keys_router(operations),
        logs_router(operations),
        traffic_router(operations),
        infras_router(operations),
    ):
        app.include_router(router, prefix="/v1", responses=errors.RESPONSES)
    app.include_router(metrics_router(operations))
    return app


def _controller_router(operations: Operations, release: str) -> APIRouter:
    router = APIRouter(tags=["controller"])

    @router.get("/health", summary="Who answers")
    async def health() -> Health:
        """The controller is up."""
        return Health(version=release, protocol=PROTOCOL, pid=os.getpid())

    @router.post("/shutdown", status_code=202, summary="End the controller")
    async def shut_down() -> None:
        """Services and their endpoint run on."""
        await operations.shut_down()

    return router
