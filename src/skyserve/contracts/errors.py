"""Errors of the world, typed by what the controller does about them.

InfraError
├── NoCapacity       try elsewhere, later here
├── QuotaExceeded    try elsewhere, and tell the user
├── Unauthorized     stop, and tell the user
├── Unsupported      stop: this infra can never do what is asked
├── Transient        try the same again later
└── Gone             it is no more
"""


class InfraError(Exception):
    """Something an infra could not do. The message is for the user: what, where, numbers, remedy."""


class NoCapacity(InfraError):
    """What was asked does not fit there now. The message has numbers (asked, free, total)."""


class QuotaExceeded(InfraError):
    """The account's limit, not the place's."""


class Unauthorized(InfraError):
    """Credentials are missing, wrong, or do not allow it."""


class Unsupported(InfraError):
    """This infra can never do what is asked; the message names what and what to write instead."""


class Transient(InfraError):
    """A timeout, a dropped connection, a busy service: unknown whether it was done."""


class Gone(InfraError):
    """The instance exists no more."""


class Superseded(Exception):
    """Another writer has decided since the state was read: read again."""


class NameTaken(Exception):
    """A service of that name exists."""


class StateUnusable(Exception):
    """The database cannot be opened or understood. The message is for the user: where, why, remedy."""
