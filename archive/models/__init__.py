from archive.models.access import ApiToken, Membership, Peer, Project, Role
from archive.models.accounts import Account, SavedFilter
from archive.models.arrivals import ArrivalHold, NoteArrival
from archive.models.audit import AuditEvent, AuditSeal
from archive.models.blob import Blob, Quarantine
from archive.models.changes import StudyChange
from archive.models.clients import ServiceClient, UsedAssertion
from archive.models.collection import Collection, CollectionItem, QuizAnswer
from archive.models.corrections import Correction, PatientAlias
from archive.models.forwarding import (
    Fetch,
    Forward,
    ForwardingRule,
    PrefetchRule,
    StorageCommitment,
)
from archive.models.hl7 import Hl7Message
from archive.models.inbox import UploadBatch, UploadFile, WatchedFolder
from archive.models.instance import Instance, InstanceMetadata
from archive.models.jobs import BulkItem, BulkJob
from archive.models.notices import Follow, Notice, NoticeChoice
from archive.models.outbox import OutboxEvent
from archive.models.patient import Patient
from archive.models.removal import Removal, Tombstone
from archive.models.research import (
    Pseudonym,
    PseudonymRealm,
    Reidentification,
    ResearchDecision,
)
from archive.models.scheduling import ScheduledStep
from archive.models.series import Series
from archive.models.sharing import BreakGlass, GroupMapping, ShareLink, StudyGrant
from archive.models.statistics import Backup, DailyCount, StorageSample, Verification
from archive.models.study import Study

__all__ = [
    "Account",
    "ApiToken",
    "ArrivalHold",
    "AuditEvent",
    "AuditSeal",
    "Backup",
    "Blob",
    "BreakGlass",
    "BulkItem",
    "BulkJob",
    "Collection",
    "CollectionItem",
    "Correction",
    "DailyCount",
    "Fetch",
    "Follow",
    "Forward",
    "ForwardingRule",
    "GroupMapping",
    "Hl7Message",
    "Instance",
    "InstanceMetadata",
    "Membership",
    "NoteArrival",
    "Notice",
    "NoticeChoice",
    "OutboxEvent",
    "Patient",
    "PatientAlias",
    "Peer",
    "PrefetchRule",
    "Project",
    "Pseudonym",
    "PseudonymRealm",
    "Quarantine",
    "QuizAnswer",
    "Reidentification",
    "Removal",
    "ResearchDecision",
    "Role",
    "SavedFilter",
    "ScheduledStep",
    "Series",
    "ServiceClient",
    "ShareLink",
    "StorageCommitment",
    "StorageSample",
    "Study",
    "StudyChange",
    "StudyGrant",
    "Tombstone",
    "UploadBatch",
    "UploadFile",
    "UsedAssertion",
    "Verification",
    "WatchedFolder",
]
