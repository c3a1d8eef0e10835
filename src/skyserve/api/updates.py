"""Versions of a service over HTTP: bringing in a new one, going back, holding an update."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from skyserve.api.base import Base
from skyserve.api.examples import HISTORY, PREVIEW, UPDATING, example
from skyserve.api.operations import Operations
from skyserve.model.rollout import UpdateMode
from skyserve.model.view import ServiceView, UpdatePreview, VersionView
from skyserve.spec.task import Task

_TO = "The version to go back to. None: the one before."
To = Annotated[int | None, Query(ge=1, description=_TO)]


class PreviewRequest(BaseModel):
    """A task that a service might become."""

    task: Task
    base: Base


class UpdateRequest(PreviewRequest):
    """A task that a service is to become."""

    mode: UpdateMode | None = Field(default=None, description="How. None: as the task says.", examples=["rolling"])


class RollbackRequest(BaseModel):
    """A version to go back to."""

    to: int | None = Field(default=None, ge=1, description=_TO, examples=[1])


def updates_router(operations: Operations) -> APIRouter:
    """Paths of versions, below /services/{name}."""
    router = APIRouter(prefix="/services/{name}", tags=["updates"])

    @router.get("/versions", summary="Versions of a service", responses=example(HISTORY))
    async def history(name: str) -> list[VersionView]:
        """Those that are remembered, ascending."""
        return await operations.history(name)

    @router.post("/versions", status_code=201, summary="Update a service", responses=example(UPDATING, 201))
    async def update(name: str, request: UpdateRequest) -> ServiceView:
        """Answers once the new version is recorded; its replicas take over later."""
        return await operations.update(request.task, name, request.base, request.mode)

    @router.post("/versions/preview", summary="What an update would change", responses=example(PREVIEW))
    async def preview_update(name: str, request: PreviewRequest) -> UpdatePreview:
        """Records nothing."""
        return await operations.preview_update(request.task, name, request.base)

    @router.post("/rollback", status_code=201, summary="Go back to a version", responses=example(UPDATING, 201))
    async def rollback(name: str, request: RollbackRequest) -> ServiceView:
        """Records a new version that is what the other one was."""
        return await operations.rollback(name, request.to)

    @router.get("/rollback", summary="What a rollback would change", responses=example(PREVIEW))
    async def preview_rollback(name: str, to: To = None) -> UpdatePreview:
        """Records nothing."""
        return await operations.preview_rollback(name, to)

    @router.post("/rollout/pause", summary="Hold an update", responses=example(UPDATING))
    async def pause(name: str) -> ServiceView:
        """Both versions stay as they are until it is resumed."""
        return await operations.pause(name)

    @router.post("/rollout/resume", summary="Go on with an update", responses=example(UPDATING))
    async def resume(name: str) -> ServiceView:
        """From where it was held."""
        return await operations.resume(name)

    return router
