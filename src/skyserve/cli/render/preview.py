"""What an update would change: a difference of two YAML texts, and what becomes of replicas."""

from collections.abc import Iterator
from difflib import SequenceMatcher

import click

from skyserve.cli.render.services import heading
from skyserve.model.rollout import Extent
from skyserve.model.view import UpdatePreview

CONTEXT_LINES = 1
"""Lines around a change, beside the keys that it stands under."""

_COLOURS = {"-": "red", "+": "green"}

_EFFECTS = {
    Extent.NOTHING: "Nothing differs: a new version is recorded, and replicas go on as they are.",
    Extent.SERVICE: "Only the service section changes: replicas go on as they are, nothing is restarted.",
    Extent.TASK: "The task changes: replicas are restarted, on the machines they have where that can be.",
    Extent.MACHINE: "The machines change: each replica is replaced by one on another machine.",
}


def preview_report(preview: UpdatePreview) -> str:
    """The changed lines, places whose files change, and one sentence on what becomes of replicas."""
    lines = [heading(f"What changes of service '{preview.service}', version {preview.version}:")]
    lines += difference(preview.before, preview.after)
    lines += [f"  other files in {place}" for place in preview.files]
    return "\n".join([*(lines if len(lines) > 1 else ()), _EFFECTS[preview.extent]])


def difference(before: str, after: str) -> list[str]:
    """Lines that went (`-`) and that came (`+`), each with the keys above it, told once; empty if there are none."""
    old, new = before.splitlines(), after.splitlines()
    told: list[str] = []
    lines = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES):
        marked = _trimmed([pair for step in group for pair in _marked(step, old, new)])
        begin = next(place for tag, place, *_ in group if tag != "equal")
        above = _above(marked[0][1], old[:begin])
        lines += [f"    {line}" for line in above if line not in told]
        lines += [click.style(f"  {mark} {line}", fg=_COLOURS.get(mark)) for mark, line in marked]
        told = above
    return lines


def _marked(step: tuple[str, int, int, int, int], old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    tag, old_begin, old_end, new_begin, new_end = step
    if tag == "equal":
        yield from ((" ", line) for line in old[old_begin:old_end])
        return
    yield from (("-", line) for line in old[old_begin:old_end])
    yield from (("+", line) for line in new[new_begin:new_end])


def _trimmed(marked: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without lines at the ends that are no neighbours of what changed: they belong to another key."""
    changed = [place for place, (mark, _) in enumerate(marked) if mark != " "]
    first, last = changed[0], changed[-1]
    begin = first - (first > 0 and _depth(marked[first - 1][1]) == _depth(marked[first][1]))
    end = last + 1
    end += end < len(marked) and _depth(marked[end][1]) == _depth(marked[last][1])
    return marked[begin:end]


def _above(line: str, before: list[str]) -> list[str]:
    """The keys that a line stands under."""
    found: list[str] = []
    for earlier in reversed(before):
        if earlier and _depth(earlier) < _depth(line):
            found.insert(0, earlier)
            line = earlier
    return found


def _depth(line: str) -> float:
    """How far a line is indented; items of a list stand below their key, though not further to the right."""
    text = line.lstrip()
    return len(line) - len(text) + (0.5 if text.startswith("- ") else 0)
