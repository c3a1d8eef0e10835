"""The versions of one service as decisions see them, read once each: what a version is never changes."""

from collections.abc import Sequence

from skyserve.contracts.store import VersionRecord
from skyserve.model.service import Version
from skyserve.spec.sameness import machine_key, task_key
from skyserve.spec.target import target_of
from skyserve.spec.task import Task


class VersionBook:
    """What the records mean."""

    def __init__(self) -> None:
        self._records: dict[int, VersionRecord] = {}
        self._documents: dict[int, Task] = {}
        self._versions: dict[int, Version] = {}

    def read(self, records: Sequence[VersionRecord]) -> None:
        """Take note of all versions that there are, ascending."""
        known, documents, versions = self._records, self._documents, self._versions
        self._records = {record.number: record for record in records}
        self._documents = {
            n: documents.get(n) or Task.model_validate_json(r.document) for n, r in self._records.items()
        }
        self._versions = {
            n: versions[n] if known.get(n) == record else version_of(record, self._documents[n])
            for n, record in self._records.items()
        }

    @property
    def all(self) -> tuple[Version, ...]:
        """Ascending; the last is the one wanted."""
        return tuple(self._versions.values())

    @property
    def wanted(self) -> Version:
        """The last."""
        return self.all[-1]

    def get(self, number: int | None) -> Version | None:
        """None: there is none of that number."""
        return None if number is None else self._versions.get(number)

    def document(self, number: int) -> Task:
        """The task that a version is. Raises KeyError."""
        return self._documents[number]


def version_of(record: VersionRecord, document: Task) -> Version:
    """`document`: the record's, read."""
    return Version(
        record.number,
        target_of(document),
        record.created_at,
        record.ever_ready,
        machine_key(document),
        task_key(document, record.trees),
        record.reason,
        record.outcome,
    )
