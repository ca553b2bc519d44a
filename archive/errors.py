"""What can go wrong in the archive, in its own words; doors translate to their protocol."""


class ArchiveError(Exception):
    """Root of every error the archive raises on purpose.

    ``code`` is a stable slug for programs, ``retriable`` says whether the same call may succeed
    later, and the message is safe to show to the person who asked.
    """

    code = "archive-error"
    retriable = False

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message or self.code)
        self.message = message or self.code
        if code is not None:
            self.code = code


class InvalidInstanceError(ArchiveError):
    """The bytes can't be archived as a DICOM instance; they go to quarantine."""

    code = "invalid-instance"


class PixelDecodingError(ArchiveError):
    """The pixel data can't be decoded into an image."""

    code = "pixels-undecodable"


class InvalidWindowError(ArchiveError):
    """The VOI window has a width that the standard forbids."""

    code = "invalid-window"


class SopInstanceConflictError(ArchiveError):
    """Other content is already stored under this SOP Instance UID."""

    code = "sop-instance-conflict"


class PatientMismatchError(ArchiveError):
    """The instance names another patient than its study is known to belong to."""

    code = "patient-mismatch"


class HierarchyConflictError(ArchiveError):
    """The instance's series or study UID is known under another parent."""

    code = "hierarchy-conflict"


class NotVisibleError(ArchiveError):
    """Absent, or outside the asker's rights: the answer is the same."""

    code = "not-found"


class GoneError(NotVisibleError):
    """It was here and was deleted; said only to who could see it."""

    code = "gone"


class DeletedObjectError(ArchiveError):
    """What is sent was deleted or rejected here before; it does not come back by being sent."""

    code = "deleted-before"


class StateConflictError(ArchiveError):
    """What was asked for no longer fits the state of the object: somebody was quicker."""

    code = "state-conflict"


class LegalHoldError(StateConflictError):
    """The study is kept for a legal reason: nothing of it is deleted until that is lifted."""

    code = "legal-hold"


class NotAllowedError(ArchiveError):
    """The asker may see the object but not do this to it."""

    code = "not-allowed"


class InvalidRequestError(ArchiveError):
    """The request itself is malformed."""

    code = "invalid-request"


class NotAcceptableError(ArchiveError):
    """No offered representation fits what the asker accepts."""

    code = "not-acceptable"


class LimitExceededError(ArchiveError):
    """A stated limit on size or count was passed."""

    code = "limit-exceeded"


class QuotaExceededError(LimitExceededError):
    """A project holds as much as it may; nothing of what came was kept."""

    code = "quota-exceeded"


class StorageError(ArchiveError):
    """The blob store failed; the same call may succeed later."""

    code = "storage-failed"
    retriable = True


class StorageFullError(StorageError):
    """The blob store has less free space than its reserve."""

    code = "storage-full"


class BlobMissingError(StorageError):
    """A stored object's bytes are gone or damaged."""

    code = "blob-missing"
    retriable = False


class BlobDamagedError(BlobMissingError):
    """A stored object's bytes are there, and are not those that were kept."""

    code = "blob-damaged"


class PeerError(ArchiveError):
    """A remote DICOM or HTTP peer failed us."""

    code = "peer-failed"


class PeerUnreachableError(PeerError):
    """The peer did not answer."""

    code = "peer-unreachable"
    retriable = True


class PeerRefusedError(PeerError):
    """The peer answered, with a refusal."""

    code = "peer-refused"
