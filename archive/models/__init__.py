from archive.models.access import ApiToken, Membership, Peer, Project, Role
from archive.models.audit import AuditEvent
from archive.models.blob import Blob, Quarantine
from archive.models.collection import Collection, CollectionItem, QuizAnswer
from archive.models.forwarding import (
    Fetch,
    Forward,
    ForwardingRule,
    PrefetchRule,
    StorageCommitment,
)
from archive.models.instance import Instance, InstanceMetadata
from archive.models.outbox import OutboxEvent
from archive.models.patient import Patient
from archive.models.removal import Removal, Tombstone
from archive.models.scheduling import ScheduledStep
from archive.models.series import Series
from archive.models.study import Study

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Blob",
    "Collection",
    "CollectionItem",
    "Fetch",
    "Forward",
    "ForwardingRule",
    "Instance",
    "InstanceMetadata",
    "Membership",
    "OutboxEvent",
    "Patient",
    "Peer",
    "PrefetchRule",
    "Project",
    "Quarantine",
    "QuizAnswer",
    "Removal",
    "Role",
    "ScheduledStep",
    "Series",
    "StorageCommitment",
    "Study",
    "Tombstone",
]
