"""Files of `--env-file` and `--secret-file`: lines of `NAME=value`."""

import re
from collections.abc import Mapping

from skyserve.spec.errors import Problem, SpecError

_NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PLAIN = re.compile(r"[^\n]*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_COMMENT = re.compile(r"[ \t]#.*")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def parse_dotenv(text: str, *, filename: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of the file; of a name given twice, the last.

    Values may be bare (up to ` #`), in single quotes (as they are) or in double quotes (with `\\n` and the like), and
    quoted ones may span lines. `${NAME}` is an earlier variable of the file, else one of `environ`, else left as
    written; not in single quotes. Raises SpecError with every line that cannot be read; no message shows a value.
    """
    scanner = _Scanner(text.removeprefix("\ufeff").replace("\r\n", "\n"), filename, environ or {})
    scanner.scan()
    if scanner.problems:
        raise SpecError(scanner.problems)
    return scanner.values


class _Scanner:
    """Goes through the text from `at`."""

    def __init__(self, text: str, file: str, environ: Mapping[str, str]) -> None:
        self.text = text
        self.file = file
        self.environ = environ
        self.at = 0
        self.values: dict[str, str] = {}
        self.problems: list[Problem] = []

    def scan(self) -> None:
        """Read line by line; a quoted value takes as many as it spans."""
        while self.at < len(self.text):
            line = self.text[self.at :].partition("\n")[0]
            if line.strip() and not line.lstrip().startswith("#"):
                self.at += len(line) - len(line.lstrip())
                self.assignment()
            self.at = self.text.find("\n", self.at) + 1 or len(self.text)

    def assignment(self) -> None:
        """One `NAME=value`; `at` ends on its last line."""
        match = _NAME.match(self.text, self.at)
        if match is None:
            self.refuse("not NAME=value", "Write NAME=value; a name has letters, digits and underscores.")
            return
        start, self.at = self.at, match.end()
        if (value := self.value()) is None:
            self.at = start
            self.refuse("a quote is not closed, or text follows it", "Write NAME='value'.", match[1])
        elif "\0" in value:
            self.refuse("holds a NUL character", "Remove it.", match[1])
        else:
            self.values[match[1]] = value

    def value(self) -> str | None:
        """The value that begins here; None if its quotes are wrong."""
        quote = self.text[self.at : self.at + 1]
        if quote not in ("'", '"'):
            match = _PLAIN.match(self.text, self.at)
            assert match is not None, "the pattern matches any text"
            return self.with_variables(_COMMENT.sub("", " " + match[0]).strip())
        match = (_SINGLE if quote == "'" else _DOUBLE).match(self.text, self.at)
        if match is None or not _REST.match(self.text, match.end()):
            return None
        self.at = match.end()
        if quote == "'":
            return re.sub(r"\\(['\\])", r"\1", match[1])
        return self.double_quoted(match[1])

    def double_quoted(self, written: str) -> str:
        """With escapes and variables; an escaped `$` begins no variable."""
        parts = re.split(r"(\\.)", written, flags=re.DOTALL)
        return "".join(
            _ESCAPES.get(part[1], part) if number % 2 else self.with_variables(part)
            for number, part in enumerate(parts)
        )

    def with_variables(self, text: str) -> str:
        """`${NAME}` put in where it is known."""
        known = {**self.environ, **self.values}
        return _VARIABLE.sub(lambda match: known.get(match[1], match[0]), text)

    def refuse(self, reason: str, remedy: str, name: str = "") -> None:
        """Remember a problem on this line."""
        line = self.text.count("\n", 0, self.at) + 1
        self.problems.append(Problem(self.file, line, name, reason, remedy))
