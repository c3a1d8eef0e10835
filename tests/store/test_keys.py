"""API keys of a service, on every database."""

import pytest

from skyserve.contracts.store import AddKey, ForgetKey, PutKeyUsage, Store
from skyserve.model.key import Key, KeyCount, KeyLimits, KeyUsage
from tests.store.test_versions import loaded

LIMITS = KeyLimits(60, 1000, 50_000, -3)
USAGE = KeyUsage(5, 700, 20.5, 1, 30, 2, 40, KeyCount(1, 2), 21.25)


def added(name: str, expires_at: float | None = None) -> AddKey:
    """A key of that name."""
    return AddKey(name, "sk-abc", f"hash of {name}", LIMITS, expires_at, 10.5)


async def test_a_key_comes_back_as_it_was_given(store: Store) -> None:
    """All of it, in the order of ids, beside the rest of the service; none of another service."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    other = (await store.create_service("other", 30002, "one", (), 10.0)).service
    await store.commit(service.id, 0, [added("b"), added("a", 99.5)])
    await store.commit(other.id, 0, [added("b")])

    first, second = (await loaded(store, service.id)).keys
    assert first == Key(first.id, "b", "sk-abc", "hash of b", 10.5, None, LIMITS, KeyUsage())
    assert (second.name, second.expires_at) == ("a", 99.5)
    assert first.id < second.id


async def test_what_was_done_with_a_key_is_kept(store: Store) -> None:
    """PutKeyUsage lasts; for a key that was revoked meanwhile it means nothing."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    await store.commit(service.id, 0, [added("a")])
    (key,) = (await loaded(store, service.id)).keys
    await store.commit(service.id, 1, [PutKeyUsage(key.id, USAGE), PutKeyUsage(key.id + 1, USAGE)])
    assert [key.usage for key in (await loaded(store, service.id)).keys] == [USAGE]


async def test_a_name_is_one_keys(store: Store) -> None:
    """A second key of that name is refused, and nothing of the decision is written."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    await store.commit(service.id, 0, [added("a")])
    with pytest.raises(ValueError, match="has a key named a"):
        await store.commit(service.id, 1, [added("b"), added("a")])
    assert [key.name for key in (await loaded(store, service.id)).keys] == ["a"]


async def test_the_id_of_a_revoked_key_is_not_given_again(store: Store) -> None:
    """The endpoint still counts by it. The service's end takes its keys along."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    await store.commit(service.id, 0, [added("a")])
    (key,) = (await loaded(store, service.id)).keys
    await store.commit(service.id, 1, [ForgetKey(key.id)])
    await store.commit(service.id, 2, [added("a")])
    (again,) = (await loaded(store, service.id)).keys
    assert again.id > key.id

    await store.remove_service(service.id, 3)
    new = (await store.create_service("web", 30001, "one", (), 10.0)).service
    assert (await loaded(store, new.id)).keys == ()
