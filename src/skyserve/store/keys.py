"""API keys in the database: added, used and revoked, each within the transaction of a decision."""

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from skyserve.contracts.store import AddKey, ForgetKey, PutKeyUsage
from skyserve.model.key import Key, KeyUsage
from skyserve.store.schema import keys
from skyserve.store.values import decode, encode

KeyChange = AddKey | PutKeyUsage | ForgetKey


async def keys_of(tx: AsyncConnection, service_id: int) -> tuple[Key, ...]:
    """All of a service, ascending by id."""
    wanted = select(keys).where(keys.c.service_id == service_id).order_by(keys.c.id)
    rows = (await tx.execute(wanted)).mappings().all()
    return tuple(decode(Key, row, f"key {row['id']} of service {service_id}") for row in rows)


async def change_key(tx: AsyncConnection, service_id: int, change: KeyChange) -> None:
    """Make a change of the keys. Raises ValueError for a name that another key of the service bears."""
    match change:
        case AddKey():
            await _insert(tx, service_id, change)
        case PutKeyUsage(key_id, usage):
            ours = (keys.c.service_id == service_id) & (keys.c.id == key_id)
            await tx.execute(update(keys).where(ours).values(usage=encode(usage)))
        case ForgetKey(key_id):
            await tx.execute(delete(keys).where(keys.c.service_id == service_id, keys.c.id == key_id))


async def _insert(tx: AsyncConnection, service_id: int, change: AddKey) -> None:
    key = Key(0, change.name, change.prefix, change.digest, change.at, change.expires_at, change.limits, KeyUsage())
    row = encode(key) | {"service_id": service_id}
    del row["id"]  # the database's to give
    try:
        await tx.execute(insert(keys).values(row))
    except IntegrityError:
        raise ValueError(f"service {service_id} has a key named {change.name}") from None
