"""A stored version as decisions see it."""

from skyserve.contracts.store import VersionRecord
from skyserve.model.service import Version
from skyserve.spec.sameness import machine_key, task_key
from skyserve.spec.target import target_of
from skyserve.spec.task import Task


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


def read_document(record: VersionRecord) -> Task:
    """The task that a version is."""
    return Task.model_validate_json(record.document)
