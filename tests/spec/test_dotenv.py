"""Files of variables."""

import pytest

from skyserve.spec.dotenv import parse_dotenv
from skyserve.spec.errors import SpecError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("# note\n\nA=1\n", {"A": "1"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("export A = two words # note\n", {"A": "two words"}),
        ("A=\nB= # note\n", {"A": "", "B": ""}),
        ("A=x#y\n", {"A": "x#y"}),
        ("A=a=b\n", {"A": "a=b"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A='x # ${B} \\n' # note\n", {"A": "x # ${B} \\n"}),
        ("A='it\\'s'\n", {"A": "it's"}),
        ('A="x\\n\\"y\\" \\q"\n', {"A": 'x\n"y" \\q'}),
        ("A='one\ntwo'\nB=3\n", {"A": "one\ntwo", "B": "3"}),
        ('A=1\nB=${A}${C}\nC="${A}${HOME} \\${A}"\n', {"A": "1", "B": "1${C}", "C": "1/home ${A}"}),
        ("  A=1\n\tB=2\n", {"A": "1", "B": "2"}),
    ],
)
def test_values(text: str, values: dict[str, str]) -> None:
    """Bare, single-quoted and double-quoted values; comments; earlier variables."""
    assert parse_dotenv(text, filename=".env", environ={"HOME": "/home"}) == values


def test_mistakes_are_all_told_without_values() -> None:
    """Each line that cannot be read is named; what it holds is not."""
    with pytest.raises(SpecError) as caught:
        parse_dotenv('A\n1B=hunter2\n\nC=\'hunter2\nD="hunter2" hunter2\nE=hunter\0two\n', filename=".env")
    assert str(caught.value).splitlines() == [
        ".env:1: not NAME=value. Write NAME=value; a name has letters, digits and underscores.",
        ".env:2: not NAME=value. Write NAME=value; a name has letters, digits and underscores.",
        ".env:4: C: a quote is not closed, or text follows it. Write NAME='value'.",
        ".env:5: D: a quote is not closed, or text follows it. Write NAME='value'.",
        ".env:6: E: holds a NUL character. Remove it.",
    ]
