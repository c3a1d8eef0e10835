"""What the controller itself takes for an error of the program: it logs it, and goes on. To a run it is a failure."""

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

EXPECTED = (SQLAlchemyError,)
"""Errors that a run brings about and the controller can do nothing about but begin again."""


class Complaints(logging.Handler):
    """Hands unexpected errors of the package's loggers on."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell
        self._logger = logging.getLogger("skyserve")
        self._before = (self._logger.level, self._logger.propagate)

    def emit(self, record: logging.LogRecord) -> None:
        """Something was logged as an error."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, EXPECTED):
            self._tell(f"{record.getMessage()}: {type(error).__name__}: {error}" if error else record.getMessage())

    def __enter__(self) -> None:
        self._logger.addHandler(self)
        self._logger.setLevel(logging.ERROR)
        self._logger.propagate = False

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        level, self._logger.propagate = self._before
        self._logger.setLevel(level)
