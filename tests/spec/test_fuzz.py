"""Whatever is read, the answer is a value or a SpecError, never another exception."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skyserve.spec.config import parse_config
from skyserve.spec.describe import requested_resources, service_rows
from skyserve.spec.dotenv import parse_dotenv
from skyserve.spec.errors import SpecError
from skyserve.spec.json_schema import models_within
from skyserve.spec.overrides import TaskOverrides
from skyserve.spec.parse import parse_task
from skyserve.spec.supported import unsupported
from skyserve.spec.target import target_of
from skyserve.spec.task import Task
from tests.spec.documents import CORPUS, stored

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150, database=None)

TEXTS = [path.read_text() for path in CORPUS]
KEYS = sorted({name for model in models_within(Task) for name in model.model_fields})
AWKWARD = [
    *("", "~", "null", "{}", "[]", "[[]]", "{a: {}}", "yes", "0", "-1", "1.5", "1e999", ".nan", "-.inf", "0x_", "08"),
    *(
        "1:30",
        "2024-02-30",
        "2024-01-01T00:00:00Z",
        "!!binary aGk=",
        "!!set {a}",
        "!!python/name:os.system",
        "!!int ''",
    ),
    *(
        "9" * 5000,
        '"\\0"',
        '"\\ud800"',
        "$A",
        "${A}",
        "$",
        "*a",
        "&a [*a]",
        "<<",
        "? [a] : b",
        "'4+'",
        "80GB+:2",
        "\x85",
    ),
    *("18446744073709551616", "1_000", "+1", "'1" + "0" * 400 + "'", "a\tb", "\t", "%", "--- ", "...", "\u2028"),
]
awkward = st.sampled_from(AWKWARD)


def survives(parse: Callable[[], Any]) -> Any:
    """What `parse` gives; None if it refused with a message."""
    try:
        return parse()
    except SpecError as error:
        assert error.problems
        assert all(problem.reason and str(problem) for problem in error.problems)
        return None


def check(text: str | bytes) -> None:
    """The text is refused, or is a task that can be stored, described and served."""
    task = survives(lambda: parse_task(text, filename="f.yaml", envs={"A": 'quote " and \\'}))
    if task is None:
        return
    assert stored(task) == task
    assert unsupported(task) == unsupported(stored(task))
    if task.service is not None:
        assert target_of(task) == target_of(stored(task))
        assert requested_resources(task)
        assert all(label and value for label, value in service_rows(task))


@given(st.binary(max_size=200))
@patient
def test_any_bytes(data: bytes) -> None:
    """Bytes of any kind."""
    check(data)
    survives(lambda: parse_config(data, filename="config.yaml"))


@given(st.text(max_size=200))
@patient
def test_any_text(text: str) -> None:
    """Text of any kind, half a surrogate pair included."""
    check(text)
    survives(lambda: parse_dotenv(text, filename=".env"))


@given(st.sampled_from(TEXTS), st.data())
@patient
def test_any_edit_of_a_good_file(text: str, data: st.DataObject) -> None:
    """A service YAML of which a stretch is replaced by something awkward, a few times."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(awkward | st.sampled_from(KEYS) | st.text(max_size=5)) + text[end:]
    check(text)


@given(st.sampled_from(TEXTS), st.data())
@patient
def test_any_value_under_any_key(text: str, data: st.DataObject) -> None:
    """A service YAML in which the value of one key is something awkward."""
    lines = text.splitlines()
    at = data.draw(st.sampled_from([number for number, line in enumerate(lines) if ":" in line]))
    lines[at] = lines[at].partition(":")[0] + ": " + data.draw(awkward)
    check("\n".join(lines))


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(AWKWARD)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(Task.model_fields)), values, max_size=5))
@patient
def test_any_tree_of_known_keys(tree: dict[str, Any]) -> None:
    """Known keys over values of any type."""
    check(yaml.safe_dump(tree))


@given(st.dictionaries(st.sampled_from(sorted(set(TaskOverrides.__annotations__))), st.text(max_size=8), max_size=3))
@patient
def test_any_option(options: dict[str, Any]) -> None:
    """Text of any kind as the value of an option."""
    text = "service: {}\nresources: {ports: 80, any_of: [{cpus: 1}, {infra: aws}]}\n"
    task = survives(lambda: parse_task(text, filename="f.yaml", overrides=TaskOverrides(**options)))
    assert task is None or stored(task) == task


@given(st.dictionaries(st.from_regex(r"[A-Z]{1,3}", fullmatch=True), st.text(max_size=20), max_size=4))
@patient
def test_any_value_of_a_variable(variables: dict[str, str]) -> None:
    """Quotes, backslashes and braces in a variable reach the probe as they are."""
    names = "".join(f"      {name}: ${{{name}}}\n" for name in variables)
    text = f"service:\n  readiness_probe:\n    path: /\n    post_data:\n      x: 1\n{names}resources: {{ports: 80}}\n"
    task = survives(lambda: parse_task(text, filename="f.yaml", envs=variables))
    if task is not None:
        assert task.service.readiness_probe.post_data == {"x": 1, **variables}
        assert stored(task) == task


def test_numbers_beyond_json_are_refused() -> None:
    """What JSON cannot hold never gets into a task."""
    for number in (".nan", ".inf", "-.inf", "1.0e+999", str(2**64)):
        text = f"service: {{readiness_probe: {{path: /, post_data: {{x: {number}}}}}}}\nresources: {{ports: 80}}\n"
        with pytest.raises(SpecError):
            parse_task(text, filename="f.yaml")
