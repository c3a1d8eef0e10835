"""The secret by which Envoy knows requests that the controller brings."""

from pathlib import Path

from skyserve.endpoint.courier import courier_secret


def test_it_is_made_once_and_is_the_users_alone(tmp_path: Path) -> None:
    """The same one is found again, others cannot read it, and another installation has another."""
    file = tmp_path / "courier"
    made = courier_secret(file)

    assert file.stat().st_mode & 0o777 == 0o600
    assert courier_secret(file) == made
    assert courier_secret(tmp_path / "other") != made


def test_one_that_was_not_written_whole_is_made_anew(tmp_path: Path) -> None:
    """A file cut short would let whoever guesses it in."""
    file = tmp_path / "courier"
    file.write_text("")

    assert len(courier_secret(file)) > 40
