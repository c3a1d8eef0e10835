"""The user's settings."""

import pytest

from skyserve.model.tracing import Tracing
from skyserve.spec.config import Config, parse_config
from skyserve.spec.errors import SpecError


@pytest.mark.parametrize(
    ("autostop", "seconds"),
    [
        ("", 600),
        ("true", 600),
        ("false", None),
        ("0", 0),
        ("5", 300),
        ("'5'", 300),
        ("90m", 5400),
        ("10h", 36000),
        ("1d", 86400),
        ("{}", 600),
        ("{idle_minutes: 2h}", 7200),
        ("{idle_minutes: 3, down: false}", 180),
    ],
)
def test_autostop(autostop: str, seconds: float | None) -> None:
    """Every form of SkyServe's key: a boolean, minutes, a time with its unit, a mapping."""
    config = parse_config(f"serve:\n  controller:\n    autostop: {autostop}\n", filename="config.yaml")
    assert config == Config(idle_seconds=seconds)


def test_a_port_for_metrics() -> None:
    """None unless one is set; what is no port is refused."""
    config = parse_config("serve:\n  controller:\n    metrics_port: 9464\n", filename="config.yaml")
    assert config == Config(metrics_port=9464)
    with pytest.raises(SpecError, match="metrics_port"):
        parse_config("serve:\n  controller:\n    metrics_port: 70000\n", filename="config.yaml")


def test_where_the_ports_of_services_begin() -> None:
    """At SkyServe's unless another is set; what is no port is refused."""
    assert parse_config("", filename="config.yaml").endpoint_port == 30001
    config = parse_config("serve:\n  controller:\n    endpoint_port: 8000\n", filename="config.yaml")
    assert config == Config(endpoint_port=8000)
    with pytest.raises(SpecError, match="endpoint_port"):
        parse_config("serve:\n  controller:\n    endpoint_port: 0\n", filename="config.yaml")


@pytest.mark.parametrize(
    ("said", "tracing"),
    [
        ("{endpoint: 'http://127.0.0.1:4318'}", Tracing("127.0.0.1", 4318, 1.0)),
        ("{endpoint: 'http://collector/', ratio: 0.1}", Tracing("collector", 4317, 0.1)),
        ("{endpoint: 'http://[::1]:5000', ratio: 0}", Tracing("::1", 5000, 0.0)),
    ],
)
def test_where_traces_go(said: str, tracing: Tracing) -> None:
    """To a collector, on the usual port unless another is named."""
    config = parse_config(f"serve: {{controller: {{traces: {said}}}}}\n", filename="config.yaml")
    assert config == Config(traces=tracing)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("{endpoint: 'https://collector:4317'}", "endpoint"),
        ("{endpoint: 'http://collector:4318/v1/traces'}", "endpoint"),
        ("{endpoint: 'http://me:secret@collector'}", "endpoint"),
        ("{endpoint: 'http://collector:99999'}", "endpoint"),
        ("{endpoint: 'collector:4317'}", "endpoint"),
        ("{endpoint: 'http://collector', ratio: 2}", "ratio"),
        ("{ratio: 0.5}", "endpoint"),
    ],
)
def test_what_is_no_collector_is_refused(said: str, key: str) -> None:
    """With the key and, for an address, its form."""
    with pytest.raises(SpecError, match=f"traces.*{key}"):
        parse_config(f"serve: {{controller: {{traces: {said}}}}}\n", filename="config.yaml")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "serve:\n", "serve:\n  controller:\n"])
def test_nothing_said(text: str) -> None:
    """An empty file gives the defaults."""
    assert parse_config(text, filename="config.yaml") == Config()


def test_what_has_no_effect_is_told() -> None:
    """Keys that are SkyPilot's are accepted, and named so that they can be shown."""
    text = (
        "aws:\n  vpc_name: inner\nserve:\n  bucket: s3://b\n"
        "  controller:\n    resources: {cpus: 4}\n    autostop: {down: true}\n"
    )
    assert sorted(map(str, parse_config(text, filename="config.yaml").unused)) == [
        "config.yaml:1: aws: has no effect here.",
        "config.yaml:4: serve.bucket: has no effect here.",
        "config.yaml:6: serve.controller.resources: has no effect here.",
        "config.yaml:7: serve.controller.autostop.down: has no effect here.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serv: {}\n", "config.yaml:1: serv: unknown key. Did you mean serve?"),
        ("serve:\n  controler: {}\n", "config.yaml:2: serve.controler: unknown key. Did you mean controller?"),
        ("controller: {}\n", "config.yaml:1: controller: not a key here. Write it under serve."),
        ("serve: 3\n", "config.yaml:1: serve: should be a mapping, not '3'."),
        (
            "serve: {controller: {autostop: soon}}\n",
            "config.yaml:1: serve.controller.autostop: should be a time in minutes, not 'soon'."
            " Write 10, or with a unit: 10m, 10h, 2d.",
        ),
        (
            "serve: {controller: {autostop: -1}}\n",
            "config.yaml:1: serve.controller.autostop: should be a time in minutes",
        ),
        ("serve: [\n", "config.yaml:2: not valid YAML"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    """Mistakes are refused with file, line and key."""
    with pytest.raises(SpecError) as caught:
        parse_config(text, filename="config.yaml")
    assert str(caught.value).startswith(message)
