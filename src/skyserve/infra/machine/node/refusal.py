"""What the tool cannot do, said in the words of the controller's contract."""


class Refusal(Exception):
    """`kind` is the name of an InfraError (`NoCapacity`, `Gone`, ...); the message is for the user."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
