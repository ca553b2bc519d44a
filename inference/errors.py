"""What can go wrong in the AI, in its own words."""

from archive.errors import ArchiveError, LimitExceededError


class InferenceError(ArchiveError):
    """Root of every error the AI raises on purpose."""

    code = "inference-error"


class BundleNotTrustedError(InferenceError):
    """The bundle holds code or expressions, and no admin has trusted this digest."""

    code = "bundle-not-trusted"


class UnsupportedInputError(InferenceError):
    """The images are not what the model was made for."""

    code = "unsupported-input"


class ResultEncodingError(InferenceError):
    """The result can't be written as the DICOM object it should become."""

    code = "result-encoding"


class ModelUnavailableError(InferenceError):
    """The model's files or its packages are not on this machine."""

    code = "model-unavailable"


class ModelRetiredError(InferenceError):
    """The model is out of use: it runs for nobody until somebody promotes it again."""

    code = "model-retired"


class BundleInvalidError(InferenceError):
    """The bundle lacks a file or an entry that every bundle must have."""

    code = "bundle-invalid"


class BundleRunError(InferenceError):
    """The bundle started and failed; its last words are in the message."""

    code = "bundle-run-failed"


class DeviceBusyError(InferenceError):
    """Every slot of the GPUs is taken; it is worth another try later."""

    code = "device-busy"
    retriable = True


class RunConflictError(InferenceError):
    """The run's state does not allow what was asked for."""

    code = "run-conflict"


class TooManyRunsError(LimitExceededError):
    """The account waits for as many runs as one may, or asked for as many within a day."""

    code = "too-many-runs"
