"""What services' endpoints counted, over HTTP."""

from fastapi import APIRouter

from skyserve.api.examples import TRAFFIC, example
from skyserve.api.operations import Operations
from skyserve.api.services import Names
from skyserve.model.traffic import ServiceTraffic


def traffic_router(operations: Operations) -> APIRouter:
    """The path of traffic."""
    router = APIRouter(tags=["traffic"])

    @router.get("/traffic", summary="Requests, as the endpoint counted them", responses=example([TRAFFIC]))
    async def traffic(name: Names = None) -> list[ServiceTraffic]:
        """Totals, most of them since the endpoint's proxy was started: rates come of two answers. A service of which it
        cannot tell is left out."""
        return await operations.traffic(name)

    return router
