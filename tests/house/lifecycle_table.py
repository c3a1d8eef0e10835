"""The table of docs/architecture.md that tells the life of a replica, made from the code that rules it.

`python -m tests.house.lifecycle_table` writes it into the document.
"""

from skyserve.model.replica import Cause, Phase
from skyserve.policy.lifecycle import FAILURES, LOSSES, NEXT, REFUSALS, REQUESTS
from tests.house.tree import ROOT

DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- life:begin (python -m tests.house.lifecycle_table writes this) -->\n"
END = "<!-- life:end -->\n"

GROUPS = {"a refusal": REFUSALS, "a loss": LOSSES, "a request": REQUESTS}


def table() -> str:
    """Markdown: one row for each phase and the phase that follows, then what the groups of causes are."""
    lines = ["| phase | ends by | and becomes |", "| --- | --- | --- |"]
    for phase, moves in NEXT.items():
        for following in Phase:
            if causes := {cause for cause, reached in moves.items() if reached is following}:
                lines.append(f"| {phase.upper()} | {_words(causes)} | {following.upper()} |")
    lines.append("")
    lines += [f"- {name}: {_listed(causes)}" for name, causes in GROUPS.items()]
    lines.append(f"- counted against the failure budget: {_listed(FAILURES)}")
    return "\n".join(lines) + "\n"


def _words(causes: set[Cause]) -> str:
    named = [name for name, group in GROUPS.items() if group <= causes]
    single = causes.difference(*(GROUPS[name] for name in named))
    return ", ".join(filter(None, [_listed(single), *named]))


def _listed(causes: set[Cause] | frozenset[Cause]) -> str:
    return ", ".join(str(cause) for cause in Cause if cause in causes)


def present() -> str:
    """The table that the document has now."""
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + table() + END + rest.partition(END)[2])
