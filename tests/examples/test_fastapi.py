"""examples/fastapi runs as its README says."""

from collections.abc import Iterator

import httpx
import pytest

from tests.examples.installation import PATIENCE_SECONDS, ROOT, own_installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * PATIENCE_SECONDS)]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Where the application, started once, answers."""
    with own_installation() as installation:
        yield installation.up(ROOT / "examples" / "fastapi", "fastapi")


def test_both_replicas_answer(endpoint: str) -> None:
    """Setup installed its packages on each, and the endpoint balances over both."""
    assert {httpx.get(endpoint).json()["replica"] for _ in range(40)} == {1, 2}


def test_events_arrive_whole_and_in_order(endpoint: str) -> None:
    """An answer that is generated bit by bit passes the endpoint as it comes, from one replica."""
    with httpx.stream("GET", f"{endpoint}/stream", params={"words": 5}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [line for line in response.iter_lines() if line]
    assert [event.split(" of ")[0] for event in events] == [*(f"data: word {n}" for n in range(5)), "data: [DONE]"]
    assert len({event.split(" of ")[1] for event in events[:-1]}) == 1


def test_a_refusal_of_the_application_reaches_the_user(endpoint: str) -> None:
    """What the replica answers is not replaced, also when it is an error."""
    refusal = httpx.get(f"{endpoint}/stream", params={"words": 0})
    assert refusal.status_code == 422
    assert refusal.json()["detail"][0]["loc"] == ["query", "words"]
