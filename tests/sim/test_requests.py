"""Traces of requests: read, reshaped and made up."""

import statistics
from pathlib import Path

import pytest

from skyserve.model.error import ServeError
from skyserve.sim.requests.engine import Engine
from skyserve.sim.requests.generated import generate
from skyserve.sim.requests.shaping import lasting, scaled
from skyserve.sim.requests.trace import RequestTrace, gathered, read

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.4799600,3180,8
"""
MOONCAKE = """{"timestamp": 1000, "input_length": 4808, "output_length": 10, "hash_ids": [0, 1]}
{"timestamp": 1500, "input_length": 3180, "output_length": 8, "hash_ids": [0, 2]}
"""
SIMPLE = "seconds,prompt_tokens,answer_tokens\n7.5,3180,8\n7,4808,10\n"


@pytest.mark.parametrize(
    ("name", "text"), [("azure.csv", AZURE), ("mooncake.jsonl", MOONCAKE), ("own.csv", SIMPLE)], ids=str
)
def test_every_format_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    """Two requests half a second apart, whichever way they are written down; the first one comes at 0."""
    path = tmp_path / name
    path.write_text(text)
    trace = read(path)
    assert list(trace.at) == pytest.approx([0, 0.5])
    assert (list(trace.prompt), list(trace.answer)) == ([4808, 3180], [10, 8])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seconds,prompt_tokens,answer_tokens\n", "holds no request"),
        ("when,size\n1,2\n", "line 2: unknown columns: when, size"),
        ("seconds,prompt_tokens,answer_tokens\n1,2,3\n1,many,3\n", "line 3: invalid literal"),
        ("seconds,prompt_tokens,answer_tokens\nnan,2,3\n", "line 2: a number is out of range"),
        ("seconds,prompt_tokens,answer_tokens\n1,-2,3\n", "line 2: a number is out of range"),
        ("seconds,prompt_tokens,answer_tokens\n1\n", "line 2: "),
    ],
)
def test_what_is_no_trace_is_refused_by_line(tmp_path: Path, text: str, told: str) -> None:
    """The refusal names the file, the line and what would do."""
    path = tmp_path / "requests.csv"
    path.write_text(text)
    with pytest.raises(ServeError) as refusal:
        read(path)
    assert str(path) in refusal.value.message
    assert told in refusal.value.message
    assert "answer_tokens" in refusal.value.remedy


@pytest.mark.parametrize("text", ["not json", "[1, 2]", "\udcff"])
def test_lines_that_are_no_json_are_refused(tmp_path: Path, text: str) -> None:
    """Whatever they are."""
    path = tmp_path / "requests.jsonl"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ServeError, match=str(path)):
        read(path)
    with pytest.raises(ServeError, match="cannot be read"):
        read(tmp_path / "absent.jsonl")


def trace(count: int) -> RequestTrace:
    """One request a second."""
    return gathered((float(second), 100, second) for second in range(count))


def test_a_denser_trace_has_so_many_more_requests_in_the_same_time() -> None:
    """Whole copies keep their requests, a fraction keeps that share of them."""
    base = trace(1000)
    assert scaled(base, 1.0) == base
    assert sorted(scaled(base, 3.0).answer) == sorted([*base.answer] * 3)
    assert len(scaled(base, 2.5).at) == pytest.approx(2500, rel=0.05)
    assert len(scaled(base, 0.2).at) == pytest.approx(200, rel=0.2)
    assert scaled(base, 7.3).seconds <= base.seconds


def test_a_trace_is_cut_or_told_again() -> None:
    """As long as is asked for, without a gap or a heap where it begins anew."""
    assert list(lasting(trace(10), 4).at) == [0, 1, 2, 3]
    assert len(lasting(trace(10), 35).at) == pytest.approx(35, abs=4)
    assert list(lasting(trace(1), 100).at) == [0]
    assert list(lasting(trace(0), 100).at) == []


def test_made_up_requests_follow_the_day() -> None:
    """So many on average over a day, more of them in the afternoon than at night, and the same from the same seed."""
    day = generate(4, rate=0.5, hours=24)
    assert day == generate(4, rate=0.5, hours=24)
    assert day != generate(5, rate=0.5, hours=24)
    assert len(day.at) == pytest.approx(0.5 * 86_400, rel=0.02)
    night, afternoon = (sum(h * 3600 <= at < (h + 1) * 3600 for at in day.at) for h in (3, 15))
    assert afternoon == pytest.approx(4 * night, rel=0.2)
    assert statistics.median(day.prompt) == pytest.approx(1000, rel=0.05)
    assert len(generate(0, rate=0, hours=24).at) == 0


def test_an_engine_is_made_to_take_so_long() -> None:
    """The mean is as asked for, and the requests keep their differences."""
    day = generate(4, rate=0.1, hours=10)
    engine = Engine().taking(0.5, day)
    assert engine.mean(day) == pytest.approx(0.5)
    assert engine.whole(day)[0] / engine.whole(day)[1] == pytest.approx(Engine().whole(day)[0] / Engine().whole(day)[1])
