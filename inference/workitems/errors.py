"""What a worklist refuses; the codes are those of PS3.4 CC.2 in words."""

from inference.errors import InferenceError


class WorkitemError(InferenceError):
    """Root of what the worklist refuses; the state of the workitem does not allow it."""

    code = "workitem-conflict"


class WorkitemExistsError(WorkitemError):
    """There is a workitem of this UID already."""

    code = "workitem-exists"


class WorkitemFinalError(WorkitemError):
    """The workitem is completed or canceled and changes no more."""

    code = "workitem-final"


class TransactionUidError(WorkitemError):
    """The Transaction UID of the claim is missing, or another."""

    code = "transaction-uid-incorrect"


class WorkitemClaimedError(WorkitemError):
    """Somebody works on it already."""

    code = "workitem-in-progress"


class WorkitemNotClaimedError(WorkitemError):
    """Nobody claimed it: it can't be ended."""

    code = "workitem-not-claimed"


class FinalStateError(WorkitemError):
    """What a completed workitem has to say is not said yet."""

    code = "final-state-unmet"


class NotOurPerformerError(WorkitemError):
    """The archive's own workers perform it."""

    code = "workitem-performed-here"


class SubscriberUnknownError(WorkitemError):
    """No registered peer has this AE title."""

    code = "subscriber-unknown"
