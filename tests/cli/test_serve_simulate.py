"""`sky serve simulate`: a service tried before it is launched."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.typing_at_a_shell import sky

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "autoscaled" / "service.yaml"
SHORT = f"serve simulate {EXAMPLE} --hours 0.5"


def test_policies_are_laid_side_by_side() -> None:
    """A table of what each came to, and the number of replicas over time."""
    ran = sky(SHORT)
    assert ran.code == 0, ran.err
    heading, _, columns, written, other, *_ = ran.out.splitlines()
    assert re.fullmatch(r"Simulated 0.5 hours, \d+ requests of \d+\.\d\d s, 9 zones", heading)
    assert columns.startswith("POLICY")
    assert written.startswith("concurrency, as written")
    assert other.startswith("request_rate")
    assert "READY REPLICAS OVER TIME" in ran.out


def test_the_documented_run_is_what_it_prints() -> None:
    """The command in the document gives the columns and rows that stand beneath it; numbers may have moved."""
    example = re.search(r"```console\n\$ sky (.+)\n((?:.|\n)*?)```", (ROOT / "docs" / "simulation.md").read_text())
    assert example is not None
    ran = sky(example[1].replace("examples/", f"{ROOT}/examples/"))
    assert ran.code == 0, ran.err

    def shape(text: str) -> list[list[str]]:
        rows = (re.split(r" {2,}", line) for line in text.split("READY REPLICAS")[0].splitlines())
        return [row if row[0] == "POLICY" else row[:1] for row in rows if len(row) > 2]

    assert shape(ran.out) == shape(example[2])
    assert len(shape(ran.out)) == 4


def test_json_has_the_numbers_and_the_series() -> None:
    """For programs: one object a policy."""
    runs = json.loads(sky(f"{SHORT} -o json --policies request_rate").out)
    assert [run["outcome"]["policy"] for run in runs] == ["concurrency, as written", "request_rate"]
    for run in runs:
        assert run["series"][-1]["usd"] == pytest.approx(run["outcome"]["usd"])


def test_the_same_seed_gives_the_same_world() -> None:
    """And another seed another one."""
    one, again, other = (sky(f"{SHORT} --seed {seed} -o json").out for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_traces_of_ones_own_are_taken(tmp_path: Path) -> None:
    """Spot capacity and requests from files; prices and speed as said."""
    zone = {"metadata": {"gap_seconds": 300}, "data": [2] * 12}
    (tmp_path / "here-1a.json").write_text(json.dumps(zone))
    requests = tmp_path / "requests.csv"
    requests.write_text("seconds,prompt_tokens,answer_tokens\n" + "".join(f"{n},100,100\n" for n in range(60)))
    ran = sky(f"serve simulate {EXAMPLE} --spot-traces {tmp_path} --requests {requests} --service-seconds 0.5 -o json")
    outcome = json.loads(ran.out)[0]["outcome"]
    assert outcome["requests"] == 3600
    assert outcome["replica_hours"] == pytest.approx(2, rel=0.01)
    assert outcome["usd"] == pytest.approx(6, rel=0.01)


class _Outside(HTMLParser):
    """Collects what a page would fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v and not v.startswith("#")]


def test_a_report_is_one_page_with_plots(tmp_path: Path) -> None:
    """It names the policies, holds its pictures and fetches nothing."""
    page = tmp_path / "simulation.html"
    ran = sky(f"{SHORT} --report {page}")
    assert ran.code == 0, ran.err
    assert f"Report: {page}" in ran.err
    text = page.read_text()
    seen = _Outside()
    seen.feed(text)
    assert seen.found == []
    assert {"table", "svg", "path"} <= set(seen.tags)
    assert "concurrency, as written" in text


def test_a_report_without_matplotlib_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plots are an extra."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ran = sky(f"{SHORT} --report {tmp_path / 'simulation.html'}")
    assert ran.code == 1
    assert "pip install 'skyserve[report]'" in ran.err


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ("--policies fastest", 2, "Write some of: request_rate, concurrency, latency."),
        ("--requests absent.csv", 2, "absent.csv: cannot be read"),
        ("--requests -1", 2, "--requests -1"),
        ("--requests nan", 2, "--requests nan"),
        ("--requests 1e9", 2, "--requests 1e9"),
        ("--hours 0", 2, "--hours"),
        ("--spot-usd cheap", 2, "write a price"),
        ("--spot-usd A100=2", 2, "write a price"),
        ("--spot-traces absent", 2, "absent"),
        ("--spot-traces . --hours 1", 2, "no spot traces"),
        ("--report /dev/null/x.html", 2, "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused(options: str, code: int, told: str, tmp_path: Path) -> None:
    """With what is wrong, and no traceback."""
    ran = sky(f"{SHORT} {options}".replace("--spot-traces .", f"--spot-traces {tmp_path}"))
    assert ran.code == code
    assert told in ran.err
    assert "Traceback" not in ran.err


def test_a_trace_is_not_stretched(tmp_path: Path) -> None:
    """More hours than the zones were measured for are refused, with how many there are."""
    (tmp_path / "here-1a.json").write_text(json.dumps({"metadata": {"gap_seconds": 300}, "data": [2] * 12}))
    ran = sky(f"serve simulate {EXAMPLE} --spot-traces {tmp_path} --hours 2")
    assert ran.code == 2
    assert "Write --hours 1.0 or less." in ran.err
