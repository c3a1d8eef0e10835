"""`file_mounts:`, `workdir:` and `volumes:`: what a replica finds on its disk."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag

from skyserve.spec.base import AnyCaseUpper, Model, Text

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Storage(Model):
    """A bucket, as a value of `file_mounts:`."""

    name: Text | None = None
    """Name of the bucket."""
    source: Text | tuple[Text, ...] | None = None
    """What to put into it: a local path, several, or the address of an existing bucket."""
    store: Annotated[str, AnyCaseUpper] | None = None
    """Whose bucket: S3, GCS, AZURE, R2, ..."""
    persistent: bool = True
    """Whether it stays when the service is gone."""
    mode: Annotated[Literal["MOUNT", "COPY", "MOUNT_CACHED"], AnyCaseUpper] = "MOUNT"
    """Mount the bucket, or copy what it holds."""
    type: Text | None = None
    """Kind of storage."""
    config: dict[str, Any] | None = None
    """Settings of the mount."""


class GitWorkdir(Model):
    """A repository, as the value of `workdir:`."""

    url: Text
    """Where it is cloned from."""
    ref: Text | None = None
    """Branch, tag or commit."""


def _text_or_mapping(value: Any) -> str:
    return "<mapping>" if isinstance(value, dict | Model) else "<text>"


MountSource = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[Storage, Tag("<mapping>")], Discriminator(_text_or_mapping)
]
"""A path on this machine or the address of a bucket; or a bucket's mapping."""

Workdir = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[GitWorkdir, Tag("<mapping>")], Discriminator(_text_or_mapping)
]
"""A directory on this machine, or a git repository."""


def is_url(source: str) -> bool:
    """Whether a mount's source lies elsewhere than on this machine."""
    return _URL.match(source) is not None


class ManagedSecret(Model):
    """A secret that a server keeps, by its name."""

    name: Text
    """Its name there."""
    mount_path: Text | None = None
    """File that is to hold it."""


def _named(value: Any) -> Any:
    return {"name": value.removeprefix("secrets:")} if isinstance(value, str) else value


ManagedSecretField = Annotated[ManagedSecret, BeforeValidator(_named, json_schema_input_type=str | ManagedSecret)]
"""A name, `secrets:NAME`, or a mapping."""
