"""Places to run over HTTP: which can be used, and what they offer for a task."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from skyserve.api.examples import CHECK, OFFER, example
from skyserve.api.operations import Operations
from skyserve.contracts.infra import CheckResult
from skyserve.model.resources import Offer
from skyserve.spec.task import Task


class OffersRequest(BaseModel):
    """A task to find places for."""

    task: Task


def infras_router(operations: Operations) -> APIRouter:
    """Paths of infras and offers."""
    router = APIRouter(tags=["infras"])
    checked: list[CheckResult] = []

    @router.get("/infras", summary="Which infras can be used", responses=example([CHECK]))
    async def infras(
        refresh: Annotated[bool, Query(description="Look again, though they were looked at before.")] = True,
    ) -> list[CheckResult]:
        """Looking may take seconds an infra; without `refresh` the last look's results will do."""
        if refresh or not checked:
            checked[:] = await operations.check()
        return checked

    @router.post("/offers", summary="What a task could run on", responses=example([OFFER]))
    async def offers(request: OffersRequest) -> list[Offer]:
        """The first choice first; empty: nowhere."""
        return await operations.offers(request.task)

    return router
