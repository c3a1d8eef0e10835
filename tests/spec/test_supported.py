"""What parses but has no effect yet is refused by `up`, with its line."""

import pytest

from skyserve.spec.errors import SpecError
from skyserve.spec.parse import load_task
from skyserve.spec.supported import refuse_unsupported, unsupported
from tests.spec.documents import SERVICE


def problems(text: str) -> list[str]:
    loaded = load_task(text, filename="f.yaml")
    return [str(problem) for problem in unsupported(loaded.task, loaded.source)]


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        ("service: {replicas: 2}", []),
        ("service: {replica_policy: {min_replicas: 2, max_replicas: 2, num_overprovision: 1}}", []),
        ("service: {drain_seconds: 5, load_balancing_policy: ROUND_ROBIN}\nnum_nodes: 2\nworkdir: .", []),
        ("service: {replica_policy: {min_replicas: 0, max_replicas: 2, upscale_delay_seconds: 5}}", []),
        ("service: {replica_policy: {min_replicas: 0, max_replicas: 2, target_concurrency_per_replica: 4}}", []),
        (
            "service:\n  load_balancing_policy: instance_aware_least_load\n"
            "  replica_policy: {min_replicas: 1, max_replicas: 2, target_qps_per_replica: {L4: 1}}",
            [],
        ),
        (
            "service:\n  tls: {keyfile: a, certfile: b}\nworkdir:\n  url: x",
            [
                "f.yaml:6: workdir: a git repository is not supported yet. Clone it, and write the directory's path.",
            ],
        ),
        (
            "service: {}\nfile_mounts:\n  /a: ./a\n  /b: s3://b\n  /c: {name: c}",
            [
                "f.yaml:7: file_mounts./b: a bucket or a web address is not supported yet."
                " Write a path on this machine, or fetch it in setup.",
                "f.yaml:8: file_mounts./c: a bucket or a web address is not supported yet."
                " Write a path on this machine, or fetch it in setup.",
            ],
        ),
    ],
)
def test_sections(lines: str, messages: list[str]) -> None:
    """What is supported passes; the rest is told with its line."""
    assert problems(SERVICE + lines + "\n") == messages


@pytest.mark.parametrize(
    ("resources", "messages"),
    [
        ("{ports: 80, any_of: [{use_spot: true}, {use_spot: false}]}", []),
        ("{ports: 80, infra: ssh/lab, accelerators: {L4:1, A100-80GB:2}}", []),
        ("{ports: 80, infra: '*', max_hourly_cost: 1}", []),
        ("{ports: 80, use_spot: true}", []),
        (
            "{ports: 80, any_of: [{infra: local}, {infra: aws/us-east-1, disk_size: 9}]}",
            [
                "resources.any_of[1].disk_size: not supported yet. Remove it.",
                "resources.any_of[1].infra: aws is not supported yet. Write infra: local, or infra: ssh/<pool>.",
            ],
        ),
        ("{ports: 80, infra: ssh}", ["resources.infra: no pool is named. Write infra: ssh/<pool>"]),
        (
            "{ports: 80, region: r}",
            ["resources.region: not supported yet. Remove it: machines of your own have no regions"],
        ),
        (
            "{ports: 80, accelerators: 16GB+}",
            ["resources.accelerators: choosing accelerators by memory is not supported"],
        ),
        ("{ports: 80, accelerators: 'L4:0.5'}", ["resources.accelerators: a share of a device is not supported yet."]),
    ],
)
def test_resources(resources: str, messages: list[str]) -> None:
    """Machines of one's own are supported, and what they can give; a spot machine where it is one choice of several."""
    found = problems(f"service: {{}}\nrun: ./serve\nresources: {resources}\n")
    assert len(found) == len(messages)
    for said, message in zip(found, messages, strict=True):
        assert said.startswith(f"f.yaml:3: {message}")


def test_a_service_needs_something_to_run() -> None:
    """Without `run` nothing would answer; without `service` there is nothing to serve."""
    assert problems("service: {}\nresources: {ports: 80}\n") == [
        "f.yaml: run: is missing, so nothing would answer on the port. Write the server's command."
    ]
    assert problems("run: ./serve\n") == [
        "f.yaml: service: is missing, so this is not a service. Write service: with replicas: 1."
    ]


def test_without_the_document_the_key_is_told() -> None:
    """The controller, which has no file, refuses by the key alone."""
    task = load_task(SERVICE + "service: {}\nvolumes: {/a: b}\n", filename="f.yaml").task
    with pytest.raises(SpecError, match=r"^volumes: not supported yet\. Remove it\.$"):
        refuse_unsupported(task)
