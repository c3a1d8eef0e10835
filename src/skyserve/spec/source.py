"""YAML text as plain data that remembers the line of every key.

The dialect is SkyServe's (PyYAML's YAML 1.1), less its traps: keys are always text (`on:` is no boolean), dates and
`1:30` stay text, numbers must fit JSON, no key is given twice. What cannot be data (other documents, foreign tags,
endless nesting, aliases that expand without bound) is refused with its line.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from skyserve.spec.errors import Problem, SpecError, refusal

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of the document."""

MAX_BYTES = 1 << 20
"""Longest text that is read: far beyond any task, and short enough to be parsed in seconds."""
MAX_DEPTH = 50
"""Deepest nesting of mappings and lists; the parser beneath us recurses."""
MAX_VALUES = 100_000
"""Most values after aliases are expanded."""

_QUOTE = "Put it in quotes if text is meant."
_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Source:
    """One YAML document: a mapping, as data, and where each part of it stands."""

    file: str
    data: dict[str, Any]
    lines: Mapping[Path, int] = field(default_factory=dict)
    """Line (from 1) of the key, or of the list item, at each path."""
    texts: Mapping[Path, str] = field(default_factory=dict)
    """Scalars as written, before YAML made numbers and booleans of them."""
    options: Mapping[Path, str] = field(default_factory=dict)
    """Command line option that gave the value at a path, and so stands in for its line."""

    origins: Mapping[Path, Path] = field(default_factory=dict)
    """Path as data has it -> path as written, where a variable was put into a key. Messages show what was written."""

    def problem(self, path: Path, reason: str, remedy: str = "", suggestion: str = "") -> Problem:
        """A problem at `path`, or at the nearest part above it that stands somewhere."""
        parts = [path[:end] for end in range(len(path), 0, -1)]
        written = next((self.origins[part] + path[len(part) :] for part in parts if part in self.origins), path)
        for part in parts:
            if option := self.options.get(part):
                return Problem(option, None, dotted(written), reason, remedy, suggestion)
            if line := self.lines.get(part):
                return Problem(self.file, line, dotted(written), reason, remedy, suggestion)
        return Problem(self.file, None, dotted(written), reason, remedy, suggestion)


def dotted(path: Path) -> str:
    """`service.any_of[0].cpus`: a path as users read it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(text: str | bytes, file: str, *, may_be_empty: bool = False) -> Source:
    """The one YAML document in `text`. Raises SpecError, and nothing else, whatever the text."""
    written = _decoded(text, file)
    try:
        documents = [node for node in yaml.compose_all(written, _Loader) if not _is_null(node)]
    except yaml.YAMLError as error:
        raise SpecError([_syntax_problem(error, file, written)]) from None
    if not documents and may_be_empty:
        return Source(file, {})
    if not documents:
        raise refusal("there is nothing in it", file=file, remedy="Write at least one `key: value`.")
    if len(documents) > 1:
        line = documents[1].start_mark.line + 1
        raise refusal("a second document begins here", file=file, line=line, remedy="Write one service a file.")
    if not isinstance(documents[0], yaml.MappingNode):
        line = documents[0].start_mark.line + 1
        raise refusal("not a mapping", file=file, line=line, remedy="Write `key: value` lines.")
    builder = _Builder(file)
    data = builder.value(documents[0], ())
    if builder.problems:
        raise SpecError(builder.problems)
    return Source(file, data, builder.lines, builder.texts)


def _decoded(text: str | bytes, file: str) -> str:
    if len(text) > MAX_BYTES:
        raise refusal(f"longer than {MAX_BYTES} bytes", file=file, remedy="Move long content to a file of its own.")
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise refusal("not UTF-8 text", file=file, line=line, remedy="Save the file as UTF-8.") from None


class _TooDeep(yaml.MarkedYAMLError):
    """Nesting beyond MAX_DEPTH."""


class _Loader(yaml.SafeLoader):
    """Composes nodes only; builds no objects."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _TooDeep(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _syntax_problem(error: yaml.YAMLError, file: str, written: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        reason = f"{error.context}: {error.problem}" if error.context and error.problem else error.problem or ""
        return Problem(file, mark.line + 1 if mark else None, "", f"not valid YAML: {reason}")
    if isinstance(error, yaml.reader.ReaderError):
        line = written.count("\n", 0, error.position) + 1
        return Problem(file, line, "", f"the character U+{error.character:04X} is not allowed in YAML", "Remove it.")
    return Problem(file, None, "", "not valid YAML")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _shown(text: str) -> str:
    short = text.removeprefix(_TAG)
    return repr(short if len(short) <= 40 else short[:40] + "...")


def _integer(text: str) -> int:
    """YAML 1.1: `0b1`, `0x1f`, octal with a leading 0, `_` between digits. Raises ValueError, also beyond 64 bits."""
    digits = text.replace("_", "").lower()
    unsigned = digits.lstrip("+-")
    octal = len(unsigned) > 1 and unsigned.isdigit() and unsigned.startswith("0")
    number = int(digits, 8 if octal else 0)
    if number.bit_length() > 63:
        raise ValueError
    return number


def _finite(text: str) -> float:
    """Raises ValueError for `.inf`, `.nan` and what overflows: JSON has no such numbers."""
    number = float(text.replace("_", ""))
    if not math.isfinite(number):
        raise ValueError
    return number


class _Builder:
    """Turns nodes into data, and keeps what it finds on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path, int] = {}
        self.texts: dict[Path, str] = {}
        self.problems: list[Problem] = []
        self.values = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        """The data of a node that stands at `path`."""
        self.count(node, path, depth=len(path))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            entries = self.entries(node, path, depth=len(path))
            self.lines.update({(*path, key): line for key, (line, _) in entries.items()})
            return {key: self.value(child, (*path, key)) for key, (_, child) in entries.items()}
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            self.lines.update({(*path, number): _line(child) for number, child in enumerate(node.value)})
            return [self.value(child, (*path, number)) for number, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        return self.refuse(node, path, f"the tag {_shown(node.tag)} is not known", "Remove the tag.")

    def count(self, node: yaml.Node, path: Path, depth: int) -> None:
        """Stop where aliases repeat without bound."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise SpecError([self.problem(node, path, f"more than {MAX_VALUES} values once aliases are expanded")])
        if depth > MAX_DEPTH:
            raise SpecError([self.problem(node, path, f"nested deeper than {MAX_DEPTH} levels by aliases")])

    def entries(self, mapping: yaml.MappingNode, path: Path, depth: int) -> dict[str, tuple[int, yaml.Node]]:
        """Key -> line and node; what `<<` merges in yields to what is written beside it."""
        merged: dict[str, tuple[int, yaml.Node]] = {}
        own: dict[str, tuple[int, yaml.Node]] = {}
        for key_node, child in mapping.value:
            if key_node.tag == _TAG + "merge":
                merged = {**self.merged(child, path, depth + 1), **merged}
            elif not isinstance(key_node, yaml.ScalarNode):
                self.refuse(key_node, path, "a key must be one word, not a list or a mapping")
            elif (key := self.checked(key_node, path)) in own:
                reason = f"given twice, first on line {own[key][0]}"
                self.refuse(key_node, (*path, key), reason, "Keep one of them.")
            else:
                own[key] = (_line(key_node), child)
        return {**merged, **own}

    def merged(self, node: yaml.Node, path: Path, depth: int) -> dict[str, tuple[int, yaml.Node]]:
        """What a `<<` brings: the entries of a mapping, or of a list of them, of which the first wins."""
        self.count(node, path, depth)
        if isinstance(node, yaml.MappingNode):
            return self.entries(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            found: dict[str, tuple[int, yaml.Node]] = {}
            for child in node.value:
                found = {**self.merged(child, path, depth + 1), **found}
            return found
        self.refuse(node, path, "`<<` needs a mapping", "Name one by its anchor: `<<: *name`.")
        return {}

    def scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        """None, a boolean, a number or text."""
        text = self.checked(node, path)
        self.texts[path] = text
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool" if text.lower() in _BOOLEANS:
                return _BOOLEANS[text.lower()]
            case "int" | "float" as kind:
                return self.number(node, kind, text, path)
            case "str" | "timestamp" | "value" | "merge":
                return text
        return self.refuse(node, path, f"the tag {_shown(node.tag)} is not known", "Remove the tag.")

    def number(self, node: yaml.ScalarNode, kind: str, text: str, path: Path) -> Any:
        """A number that JSON can carry; `1:30` is text."""
        if ":" in text:
            return text
        try:
            number = _integer(text) if kind == "int" else _finite(text)
        except ValueError:
            return self.refuse(node, path, f"{_shown(text)} is not a usable number", _QUOTE)
        return number

    def checked(self, node: yaml.ScalarNode, path: Path) -> str:
        """The scalar's text, unless no file, environment or JSON could hold it."""
        text: str = node.value
        if "\0" in text:
            self.refuse(node, path, "holds a NUL character", "Remove it.")
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.refuse(node, path, "holds half of a surrogate pair", "Write the whole character.")
        return text

    def problem(self, node: yaml.Node, path: Path, reason: str, remedy: str = "") -> Problem:
        """A problem at the node."""
        return Problem(self.file, _line(node), dotted(path), reason, remedy)

    def refuse(self, node: yaml.Node, path: Path, reason: str, remedy: str = "") -> None:
        """Remember a problem and go on."""
        self.problems.append(self.problem(node, path, reason, remedy))
