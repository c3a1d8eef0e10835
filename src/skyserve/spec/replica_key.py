"""`replica_key:`, what the endpoint shows replicas so that they can refuse whoever passes it by."""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from skyserve.model.endpoint import AUTHORIZATION, ReplicaKey
from skyserve.spec.base import Finding, Secret, Text, invalid

AUTO = "auto"
"""Asks for a key of the service's own making."""
MADE = "sk-replica-"
"""How those begin, which the controller makes."""
_MADE = re.compile(MADE + "[A-Za-z0-9_-]{43}")

_KEY = re.compile(r"[\x21-\x7e]{1,1024}")
"""What a header can hold, and a bearer token needs no quotes for."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]+")
"""RFC 9110, section 5.6.2, less the underscore, which many servers take for a hyphen."""
_TAKEN = {"host", "connection", "content-length", "content-type", "transfer-encoding", "te", "upgrade", "cookie"}
"""Headers that mean something else in each request."""


def _key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text.startswith("$"):
        remedy = "Write a name that stands under secrets:, or auto."
        raise invalid(Finding("names a variable that is neither under secrets nor under envs", remedy))
    if not _KEY.fullmatch(text):
        remedy = "Write auto, or a key of 1 to 1024 letters, digits and signs."
        raise invalid(Finding("is empty, too long, or holds a blank or what no header can hold", remedy))
    return value


def _header(value: str) -> str:
    name = value.lower()
    if not _HEADER.fullmatch(name) or name in _TAKEN or name.startswith("x-envoy-"):
        raise invalid(Finding("is no header that can hold a key", "Write Authorization, or for example X-Api-Key."))
    return value


ReplicaKeyField = Annotated[Secret, AfterValidator(_key)]
"""A key, or the word `auto`."""
KeyHeader = Annotated[Text, AfterValidator(_header)]
"""The name of a header."""


def is_made(key: SecretStr) -> bool:
    """Whether `auto` stands for it."""
    return _MADE.fullmatch(key.get_secret_value()) is not None


def replica_key(key: SecretStr | None, header: str | None) -> ReplicaKey | None:
    """As the endpoint is told. `auto` must have been replaced by the key that it stands for."""
    return None if key is None else ReplicaKey(key.get_secret_value(), (header or AUTHORIZATION).lower())
