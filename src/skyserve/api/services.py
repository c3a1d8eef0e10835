"""Services and their replicas over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from skyserve.api.base import Base
from skyserve.api.examples import DOWN, PLAN, SERVICE, example
from skyserve.api.operations import Operations
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.name import NAME_LENGTH, NAME_PATTERN
from skyserve.model.view import DownResult, PlanView, ServiceView
from skyserve.spec.task import Task

Names = Annotated[
    list[str] | None,
    Query(alias="name", description="May be given more than once. None: all services.", examples=[["web"]]),
]


class UpRequest(BaseModel):
    """A service to start."""

    task: Task
    name: str | None = Field(
        default=None,
        pattern=f"^{NAME_PATTERN}$",
        max_length=NAME_LENGTH,
        description="None: a name is made up.",
        examples=["web"],
    )
    base: Base


def services_router(operations: Operations) -> APIRouter:
    """Paths below /services."""
    router = APIRouter(prefix="/services", tags=["services"])

    @router.get("", summary="List services", responses=example([SERVICE]))
    async def list_services(name: Names = None) -> list[ServiceView]:
        """Those of the names that exist, ascending by name. A name that no service bears is left out."""
        return await operations.services(name)

    @router.post("", status_code=201, summary="Start a service", responses=example(SERVICE, 201))
    async def up(request: UpRequest) -> ServiceView:
        """Answers once the service is recorded; its replicas come later."""
        return await operations.up(request.task, request.name, request.base)

    @router.delete("", summary="Terminate services", responses=example(DOWN))
    async def down(
        name: Annotated[
            list[str] | None,
            Query(description="A name or a pattern. May be given more than once.", examples=[["web", "test-*"]]),
        ] = None,
        everything: Annotated[bool, Query(alias="all", description="Terminate all services.")] = False,
        purge: Annotated[bool, Query(description="Forget machines that cannot be reached, with a warning.")] = False,
    ) -> DownResult:
        """Either names or `all=true`. Answers once termination is recorded; machines are given back later."""
        if bool(name) == everything:
            raise ServeError(ErrorKind.INVALID_REQUEST, "Give either one or more `name`, or `all=true`.")
        return await operations.down(None if everything else name, purge)

    @router.get("/{name}/plan", summary="What the controller would do now", responses=example(PLAN))
    async def plan(name: str) -> PlanView:
        """Each action has the reason."""
        return await operations.plan(name)

    @router.delete("/{name}/replicas/{replica_id}", status_code=204, summary="Terminate one replica")
    async def terminate_replica(
        name: str,
        replica_id: int,
        purge: Annotated[bool, Query(description="Forget its machine if it cannot be reached.")] = False,
    ) -> None:
        """Another replica takes its place."""
        await operations.terminate_replica(name, replica_id, purge)

    return router
