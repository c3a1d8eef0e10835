"""What is wrong with a text the user wrote: where, why, and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    file: str
    """The file's name as the user gave it, or the command line option that carried the value; may be empty."""
    line: int | None
    """Counts from 1; None where no line can be named."""
    key: str
    """Dotted path of the key, such as `service.readiness_probe.path`; may be empty."""
    reason: str
    """Why it is refused. No full stop."""
    remedy: str = ""
    """What to write instead: a sentence. May be empty."""
    suggestion: str = ""
    """The word that was probably meant; may be empty."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        head = "".join(f"{part}: " for part in (place, self.key) if part)
        guess = f"Did you mean {self.suggestion}?" if self.suggestion else ""
        return " ".join(part for part in (f"{head}{self.reason}.", self.remedy, guess) if part)


class SpecError(Exception):
    """A text was refused. `problems` holds all that was found; `str()` gives one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(map(str, self.problems)))

    def within(self, file: str) -> "SpecError":
        """The same, said of this file where no file was known."""
        return SpecError(replace(problem, file=problem.file or file) for problem in self.problems)


def refusal(reason: str, *, file: str = "", line: int | None = None, key: str = "", remedy: str = "") -> SpecError:
    """A SpecError with one problem."""
    return SpecError([Problem(file, line, key, reason, remedy)])


def closest(word: str, choices: Iterable[str]) -> str:
    """The choice that was probably meant; empty if none is near."""
    by_lower_case = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.7)
    return by_lower_case[found[0]] if found else ""
