"""The command line options that stand in for keys of the YAML."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from skyserve.spec.source import Path, Source

_AT_TOP = ("workdir", "num_nodes")
_KEYS = {"gpus": "accelerators"}
_LOCATION = ("infra", "cloud", "region", "zone")


@dataclass(frozen=True)
class TaskOverrides:
    """Task options of `sky serve up`; None: not given. The texts are those that the YAML would hold."""

    workdir: str | None = None
    infra: str | None = None
    cloud: str | None = None
    region: str | None = None
    zone: str | None = None
    num_nodes: int | None = None
    cpus: str | None = None
    memory: str | None = None
    gpus: str | None = None
    instance_type: str | None = None
    use_spot: bool | None = None
    ports: Sequence[str] | None = None
    """`("none",)` opens none."""
    disk_size: str | int | None = None
    disk_tier: str | None = None
    network_tier: str | None = None
    local_disk: str | None = None
    image_id: str | None = None


def overridden(source: Source, overrides: TaskOverrides) -> Source:
    """The document with the options' values, which also replace those of the alternatives in any_of and ordered."""
    given = {item.name: value for item in fields(overrides) if (value := getattr(overrides, item.name)) is not None}
    if "ports" in given:
        given["ports"] = None if list(given["ports"]) == ["none"] else list(given["ports"])
    data, options = dict(source.data), dict(source.options)
    for name in _AT_TOP:
        if name in given:
            data[name] = given.pop(name)
            options[(name,)] = _option(name)
    needs = {_KEYS.get(name, name): value for name, value in given.items()}
    written = data.get("resources") or {}
    if needs and isinstance(written, dict):
        replaced = set(needs) | (set(_LOCATION) if set(_LOCATION) & set(needs) else set())
        data["resources"] = {**_without(written, replaced), **needs}
        options |= {("resources", _KEYS.get(name, name)): _option(name) for name in given}
    hidden = set(options)
    return replace(source, data=data, options=options, texts=_visible(source, hidden))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _without(resources: dict[str, Any], names: set[str]) -> dict[str, Any]:
    kept = {key: value for key, value in resources.items() if key not in names}
    for group in ("any_of", "ordered"):
        if isinstance(entries := kept.get(group), list):
            kept[group] = [_without(entry, names) if isinstance(entry, dict) else entry for entry in entries]
    return kept


def _visible(source: Source, hidden: set[Path]) -> dict[Path, str]:
    """Texts as written, but of what an option replaced."""
    return {path: text for path, text in source.texts.items() if path not in hidden}
