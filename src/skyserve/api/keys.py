"""API keys of services over HTTP."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from skyserve.api.examples import KEY, NEW_KEY, example
from skyserve.api.operations import Operations
from skyserve.model.key import KeyLimits
from skyserve.model.view import KeyView, NewKey


class KeyRequest(BaseModel):
    """A key to make."""

    name: str | None = Field(default=None, description="None: a name is made up.", examples=["mobile"])
    requests_per_minute: int | None = Field(default=None, ge=1, le=10**9, description="None: no limit.", examples=[60])
    tokens_per_minute: int | None = Field(default=None, ge=1, description="None: no limit.", examples=[10_000])
    tokens_per_day: int | None = Field(default=None, ge=1, description="Of the day in UTC. None: no limit.")
    priority: int = Field(
        default=0, ge=-10, le=10, description="Of its requests where they have to wait: the higher goes first."
    )
    expires_in: float | None = Field(
        default=None, gt=0, le=10**9, description="Seconds for which it is good. None: for ever.", examples=[2592000]
    )


def keys_router(operations: Operations) -> APIRouter:
    """Paths of keys, below /services/{name}."""
    router = APIRouter(prefix="/services/{name}/keys", tags=["keys"])

    @router.post("", status_code=201, summary="Make an API key", responses=example(NEW_KEY, 201))
    async def create(name: str, request: KeyRequest) -> NewKey:
        """The key itself is told in this answer and never again."""
        limits = KeyLimits(
            requests_per_minute=request.requests_per_minute,
            tokens_per_minute=request.tokens_per_minute,
            tokens_per_day=request.tokens_per_day,
            priority=request.priority,
        )
        return await operations.create_key(name, request.name, limits, request.expires_in)

    @router.get("", summary="API keys of a service", responses=example([KEY]))
    async def list_keys(name: str) -> list[KeyView]:
        """What each may use up, and has used. Ascending by id."""
        return await operations.keys(name)

    @router.delete("/{key:path}", status_code=204, summary="Revoke an API key")
    async def revoke(name: str, key: str) -> None:
        """By its name or id. Within a second the endpoint refuses it."""
        await operations.revoke_key(name, key)

    return router
