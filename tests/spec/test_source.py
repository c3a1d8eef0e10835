"""YAML text as data that knows its lines."""

import pytest

from skyserve.spec.errors import SpecError
from skyserve.spec.source import MAX_BYTES, MAX_DEPTH, read


def refused(text: str | bytes) -> str:
    with pytest.raises(SpecError) as caught:
        read(text, "f.yaml")
    return str(caught.value)


def test_every_key_and_item_has_its_line() -> None:
    """Lines are those of keys and of list items, also within flow style."""
    source = read("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n", "f.yaml")
    assert source.data == {"a": 1, "b": ["x", {"c": 2, "d": 3}]}
    assert source.lines[("b", 0)] == 3
    assert source.lines[("b", 1, "c")] == 4
    assert source.lines[("b", 1, "d")] == 5


def test_a_problem_below_the_known_is_told_at_the_nearest_line() -> None:
    """A missing key is told at the line of the mapping that lacks it."""
    source = read("a:\n  b: 1\n", "f.yaml")
    assert str(source.problem(("a", "b", "c"), "is missing")) == "f.yaml:2: a.b.c: is missing."


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("on: yes\n2020-01-01: 1:30\n1: ~\n", {"on": True, "2020-01-01": "1:30", "1": None}),
        (
            "a: 2020-01-01\nb: 08\nc: 010\nd: 0x1f\ne: 1_000\n",
            {"a": "2020-01-01", "b": "08", "c": 8, "d": 31, "e": 1000},
        ),
        ("a: !!str 5\nb: -1.5\nc: 1e3\n", {"a": "5", "b": -1.5, "c": "1e3"}),
        ("a: &x {q: 1, r: 2}\nb: {<<: *x, r: 3}\n", {"a": {"q": 1, "r": 2}, "b": {"q": 1, "r": 3}}),
        ("a: {<<: [{q: 1}, {q: 2, r: 2}]}\n", {"a": {"q": 1, "r": 2}}),
        ("---\na: 1\n---\n", {"a": 1}),
        ("\ufeffa: é\n".encode(), {"a": "é"}),
    ],
)
def test_values(text: str | bytes, data: object) -> None:
    """YAML 1.1 without its traps: keys are text, dates and times of day stay text."""
    assert read(text, "f.yaml").data == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml: there is nothing in it. Write at least one `key: value`."),
        ("- a\n", "f.yaml:1: not a mapping. Write `key: value` lines."),
        ("a: 1\n---\nb: 1\n", "f.yaml:3: a second document begins here. Write one service a file."),
        ("a: 1\n\na: 2\n", "f.yaml:3: a: given twice, first on line 1. Keep one of them."),
        ("a:\n  b: 1\n  b: 2\n", "f.yaml:3: a.b: given twice, first on line 2. Keep one of them."),
        ("? [a]\n: 1\n", "f.yaml:1: a key must be one word, not a list or a mapping."),
        ("a: *x\n", "f.yaml:1: not valid YAML: found undefined alias 'x'."),
        ("a: \n\tb: 1\n", "f.yaml:2: not valid YAML: while scanning for the next token: found character '\\t' that"),
        ("a: [1,\n", "f.yaml:2: not valid YAML: while parsing a flow node:"),
        ("a: \0\n", "f.yaml:1: the character U+0000 is not allowed in YAML. Remove it."),
        ('a: "\\0"\n', "f.yaml:1: a: holds a NUL character. Remove it."),
        ('a: "\\ud800"\n', "f.yaml:1: a: holds half of a surrogate pair. Write the whole character."),
        (b"a: 1\nb: \xff\n", "f.yaml:2: not UTF-8 text. Save the file as UTF-8."),
        ("a: .inf\n", "f.yaml:1: a: '.inf' is not a usable number. Put it in quotes if text is meant."),
        (f"a: {10**30}\n", f"f.yaml:1: a: '{10**30}' is not a usable number. Put it in quotes if text is meant."),
        ("a: !!binary aGk=\n", "f.yaml:1: a: the tag 'binary' is not known. Remove the tag."),
        ("a: !!python/name:os.system\n", "f.yaml:1: a: the tag 'python/name:os.system' is not known. Remove the tag."),
        ("a: {<<: 3}\n", "f.yaml:1: a: `<<` needs a mapping. Name one by its anchor: `<<: *name`."),
        ("a: &a {<<: *a}\n", f"f.yaml:1: a: nested deeper than {MAX_DEPTH} levels by aliases."),
        ("[" * 1000, f"f.yaml:1: not valid YAML: nested deeper than {MAX_DEPTH} levels."),
        ("#" * (MAX_BYTES + 1), f"f.yaml: longer than {MAX_BYTES} bytes. Move long content to a file of its own."),
    ],
)
def test_refusals(text: str | bytes, message: str) -> None:
    """What cannot be data is refused with its line."""
    assert refused(text).startswith(message)


@pytest.mark.parametrize("entry", ["[{}]", "{{<<: [{}]}}"], ids=["values", "merges"])
def test_aliases_do_not_expand_without_bound(entry: str) -> None:
    """A few lines whose aliases stand for billions of values are refused, and soon."""
    lines = ["x0: &x0 {a: 1}"]
    lines += [f"x{n}: &x{n} {entry.format(', '.join([f'*x{n - 1}'] * 9))}" for n in range(1, 12)]
    assert "more than 100000 values once aliases are expanded" in refused("\n".join(lines))


def test_an_empty_file_may_be_allowed() -> None:
    """Settings need not say anything."""
    assert read("# nothing\n", "f.yaml", may_be_empty=True).data == {}
