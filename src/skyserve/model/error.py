"""What is said to a user when something cannot be done: one shape from the controller to the terminal."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """What sort of refusal it is. Programs may branch on it; the words are stable."""

    NOT_FOUND = "not_found"
    """No service or replica of that name or number."""
    NAME_TAKEN = "name_taken"
    """A service of that name exists."""
    INVALID_SPEC = "invalid_spec"
    """The YAML, or an option that overrides it, is wrong."""
    INVALID_REQUEST = "invalid_request"
    """The request itself is wrong: a missing file, a value out of range."""
    CONFLICT = "conflict"
    """Right in itself, but not in the present state of the service."""
    UNAVAILABLE = "unavailable"
    """Something that is needed does not answer or has no capacity; it may later."""
    VERSION_MISMATCH = "version_mismatch"
    """Client and controller speak different versions of the API."""
    INTERNAL = "internal"
    """A fault of ours; the controller's log has it."""


class ServeError(Exception):
    """Something could not be done. `message`: what, where, why. `remedy`: what to do instead; may be empty."""

    def __init__(self, kind: ErrorKind, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message
