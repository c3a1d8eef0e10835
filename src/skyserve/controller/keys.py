"""API keys: made, listed and revoked for users. The key itself passes through here once and is kept nowhere."""

import hashlib
import secrets

from skyserve.contracts.store import AddKey, ForgetKey
from skyserve.controller.reconciler import Reconciler, Wish
from skyserve.controller.updates import refuse_going_down
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.key import KEY_PREFIX, Key, KeyLimits
from skyserve.model.name import NAME_PATTERN, meant, valid_name
from skyserve.model.snapshot import Snapshot
from skyserve.model.view import KeyView, NewKey
from skyserve.policy.keys import key_views

RANDOM_BYTES = 32
"""Nobody guesses 256 random bits, so that a plain hash hides a key as well as a slow one would, which
is for passwords: those can be guessed. The endpoint's script knows a key by this length."""
SHOWN = 10
"""Characters by which a key is known again: seven random ones, which leave 214 bits untold."""
MOST_KEYS = 1000
"""Of one service: each is sent to the endpoint at every change of its routes."""


class Keys:
    """Each method is one decision, recorded at once; the loop of the service tells the endpoint."""

    async def create(
        self, reconciler: Reconciler, name: str | None, limits: KeyLimits, seconds: float | None
    ) -> NewKey:
        """A new key, good for so many seconds; None: for ever. Raises ServeError."""
        if name is not None and (not valid_name(name) or name.startswith(KEY_PREFIX)):
            remedy = f"A name begins with a letter and ends with a letter or digit: {NAME_PATTERN}"
            raise ServeError(ErrorKind.INVALID_REQUEST, f"Key name {_shown(name)} is not valid.", remedy)
        key = KEY_PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
        digest = hashlib.sha256(key.encode()).hexdigest()

        def wish(snapshot: Snapshot) -> Wish:
            refuse_going_down(snapshot)
            chosen = _free_name(snapshot, name)
            expires = None if seconds is None else snapshot.now + seconds
            added = AddKey(chosen, key[:SHOWN], digest, limits, expires, snapshot.now)
            return Wish((added,), f"API key {chosen!r} was made")

        await reconciler.wish("key", wish)
        snapshot = reconciler.snapshot()
        number = next(made.id for made in snapshot.keys if made.digest == digest)
        about = next(view for view in key_views(snapshot) if view.key_id == number)
        return NewKey(key, snapshot.version.target.endpoint.require_key, about)

    def all(self, reconciler: Reconciler) -> list[KeyView]:
        """Ascending by id."""
        return key_views(reconciler.snapshot())

    async def revoke(self, reconciler: Reconciler, which: str) -> None:
        """Let a key, named by its name or id, be good for nothing from now on. Raises ServeError."""

        def wish(snapshot: Snapshot) -> Wish:
            key = _found(snapshot, which)
            return Wish((ForgetKey(key.id),), f"API key {key.name!r} was revoked")

        await reconciler.wish("key", wish)


def _free_name(snapshot: Snapshot, name: str | None) -> str:
    taken, service = {key.name for key in snapshot.keys}, snapshot.service.name
    see = f"Revoke one that is not needed: sky serve keys revoke {service} KEY"
    if len(taken) >= MOST_KEYS:
        raise ServeError(ErrorKind.CONFLICT, f"Service {service!r} has {MOST_KEYS} API keys, as many as it may.", see)
    if name in taken:
        what = f"Service {service!r} has an API key named {name!r} already."
        raise ServeError(ErrorKind.NAME_TAKEN, what, f"Choose another name. {see}")
    return name or next(made for n in range(1, MOST_KEYS + 1) if (made := f"key-{n}") not in taken)


def _found(snapshot: Snapshot, which: str) -> Key:
    for key in snapshot.keys:
        if which in (key.name, str(key.id)):
            return key
    service, names = snapshot.service.name, [key.name for key in snapshot.keys]
    remedy = f"{meant(which, names)} See: sky serve keys list {service}".strip()
    raise ServeError(ErrorKind.NOT_FOUND, f"Service {service!r} has no API key {_shown(which)}.", remedy)


def _shown(which: str) -> str:
    """What was asked for, unless it may be a key: those stand in no message."""
    return "of that name or id" if which.startswith(KEY_PREFIX) else repr(which)
