"""Two tasks side by side, for a person."""

from skyserve.spec.parse import parse_task
from skyserve.spec.shown import shown_pair

BASE = """\
name: web
resources: {ports: 8080, cpus: 2+}
envs: {MODEL: small}
secrets: {TOKEN: hunter2, KEY: abc}
setup: |
  first line
  second line
run: serve --token-file x
service:
  replicas: 2
  drain_seconds: 5
  readiness_probe: {path: /$TOKEN, timeout_seconds: 0.5, headers: {Authorization: Bearer literal}}
"""


def pair(old: str, new: str) -> tuple[str, str]:
    """Both texts as people see them."""
    return shown_pair(parse_task(old, filename="old.yaml"), parse_task(new, filename="new.yaml"))


def test_what_was_written_is_shown_and_nothing_else() -> None:
    """Defaults and the name are left out, several lines stay lines, secrets are masked wherever they went."""
    before, after = pair(BASE, BASE)
    assert before == after
    assert before == (
        "resources:\n  cpus: 2+\n  ports:\n  - 8080\n"
        "setup: |\n  first line\n  second line\n"
        "run: serve --token-file x\n"
        "envs:\n  MODEL: small\n"
        "secrets:\n  TOKEN: '***'\n  KEY: '***'\n"
        "service:\n"
        "  readiness_probe:\n    path: /***\n    timeout_seconds: 0.5\n    headers:\n      Authorization: '***'\n"
        "  replicas: 2\n"
        "  drain_seconds: 5\n"
    )


def test_a_secret_that_changes_shows_that_it_does() -> None:
    """Neither value is told, in either text; one that is new is no change."""
    changed = BASE.replace("hunter2", "hunter3").replace("literal", "other").replace("KEY: abc", "OTHER: abc")
    before, after = pair(BASE, changed)
    assert "TOKEN: '***'\n" in before
    assert "TOKEN: '*** (changed)'\n" in after
    assert "Authorization: '*** (changed)'\n" in after
    assert "OTHER: '***'\n" in after
    for value in ("hunter", "abc", "literal", "other", "Bearer"):
        assert value not in before + after


def test_a_line_stays_a_line() -> None:
    """A long one is not folded, so that a change shows in the line where it was made."""
    long = "serve " + "--flag " * 100 + "end"
    assert f"run: {long}\n" in pair(BASE, BASE.replace("serve --token-file x", long))[1]
