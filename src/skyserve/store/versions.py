"""Versions in the database: added, copied, judged and forgotten, each within the transaction of a decision."""

from sqlalchemy import Select, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyserve.contracts.store import AddVersion, CopyVersion, ForgetVersion, MarkEverReady, SetOutcome
from skyserve.store.schema import replicas, version_trees, versions

VersionChange = AddVersion | CopyVersion | MarkEverReady | SetOutcome | ForgetVersion


async def put_first_version(
    tx: AsyncConnection, service_id: int, document: str, trees: tuple[tuple[str, str], ...], now: float
) -> None:
    """Version 1 of a new service."""
    await _insert(tx, service_id, 1, AddVersion(document, trees, "up", now))


async def change_version(tx: AsyncConnection, service_id: int, change: VersionChange) -> None:
    """Make a change of the versions. Raises KeyError for one that does not exist, ValueError for one in use."""
    match change:
        case AddVersion():
            await _insert(tx, service_id, await _next_number(tx, service_id), change)
        case CopyVersion():
            await _copy(tx, service_id, change)
        case MarkEverReady(number):
            await _set(tx, service_id, number, ever_ready=True)
        case SetOutcome(number, outcome):
            await _set(tx, service_id, number, outcome=outcome)
        case ForgetVersion(number):
            await _forget(tx, service_id, number)


async def _copy(tx: AsyncConnection, service_id: int, change: CopyVersion) -> None:
    number = await _next_number(tx, service_id)
    kept = (versions.c.service_id, literal(number), versions.c.document, literal(change.at), versions.c.ever_ready)
    names = ["service_id", "number", "document", "created_at", "ever_ready", "reason", "outcome"]
    copied: Select[tuple[object, ...]] = select(*kept, literal(change.reason), literal("")).where(
        versions.c.service_id == service_id, versions.c.number == change.number
    )
    if (await tx.execute(insert(versions).from_select(names, copied))).rowcount != 1:
        raise KeyError(f"service {service_id} has no version {change.number}")
    trees = version_trees.c
    same = select(trees.service_id, literal(number), trees.position, trees.destination, trees.tree_id).where(
        trees.service_id == service_id, trees.number == change.number
    )
    columns = ["service_id", "number", "position", "destination", "tree_id"]
    await tx.execute(insert(version_trees).from_select(columns, same))


async def _set(tx: AsyncConnection, service_id: int, number: int, **values: object) -> None:
    ours = (versions.c.service_id == service_id) & (versions.c.number == number)
    if (await tx.execute(update(versions).where(ours).values(values))).rowcount != 1:
        raise KeyError(f"service {service_id} has no version {number}")


async def _forget(tx: AsyncConnection, service_id: int, number: int) -> None:
    """Neither the last one nor one that a replica is of: rows that may hold machines would go with it."""
    used = select(func.count()).where(replicas.c.service_id == service_id, replicas.c.version == number)
    last = await _next_number(tx, service_id) - 1
    if number == last or (await tx.execute(used)).scalar_one():
        raise ValueError(f"version {number} of service {service_id} is in use")
    await tx.execute(delete(versions).where(versions.c.service_id == service_id, versions.c.number == number))


async def _insert(tx: AsyncConnection, service_id: int, number: int, change: AddVersion) -> None:
    key = {"service_id": service_id, "number": number}
    about = {"document": change.document, "created_at": change.at, "reason": change.reason}
    await tx.execute(insert(versions).values(**key, **about, ever_ready=False, outcome=""))
    for position, (destination, tree_id) in enumerate(change.trees):
        place = {"position": position, "destination": destination, "tree_id": tree_id}
        await tx.execute(insert(version_trees).values(**key, **place))


async def _next_number(tx: AsyncConnection, service_id: int) -> int:
    """The last version is never forgotten, so that no number is given twice."""
    last = select(func.max(versions.c.number)).where(versions.c.service_id == service_id)
    return int((await tx.execute(last)).scalar_one()) + 1
