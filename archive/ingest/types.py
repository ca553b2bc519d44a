"""What a door hands to ingest, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from archive.audit.types import Asker

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.errors import ArchiveError
    from archive.models import Project
    from archive.storage.types import SpoolFile


@dataclass(frozen=True)
class IncomingFile:
    """One spooled file and the name it came with, which is shown and never used as a path.

    ``announced`` is the SOP Class and SOP Instance UID that the protocol named for it, where it
    names them beside the data set.
    """

    spool: SpoolFile
    name: str = ""
    announced: tuple[str, str] | None = None


@dataclass(frozen=True)
class Origin:
    """Through which door, from whom, for which project.

    Where ``actor`` is set their rights bound what may be added to; a registered peer and the
    archive's own results come without one. ``study_instance_uid`` is the study that the request
    itself names: instances of another are refused. Which known patients a new study may join
    depends on what the actor sees, else the account of that key; an operator's own command is
    trusted with all of them (`archive.ingest.joining`). ``withheld`` is what new series are
    withheld for from the moment they arrive, of `Series.Withheld`: empty, or ``trial`` for results
    of a model on trial.
    """

    door: str
    actor: User | None = None
    source: str = ""
    project: Project | None = None
    address: str | None = None
    token_hint: str = ""
    study_instance_uid: str = ""
    account_id: int | None = None
    is_trusted: bool = False
    withheld: str = ""

    @property
    def asker(self) -> Asker:
        """The same for the audit trail."""
        return Asker(
            door=self.door,
            user=self.actor,
            token_hint=self.token_hint,
            address=self.address,
            name=self.source,
        )


class Outcome(Enum):
    """What became of a file."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    FAILED = "failed"


@dataclass(frozen=True)
class IngestResult:
    """The fate of one file; ``error`` is set where it is not in the archive.

    QUARANTINED: refused for good, the bytes are kept, unless ``is_kept`` says no. FAILED: the
    archive could not do its part, nothing was kept, the sender should try again.
    """

    outcome: Outcome
    name: str = ""
    sop_instance_uid: str = ""
    sop_class_uid: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    error: ArchiveError | None = None
    warnings: tuple[str, ...] = ()
    # Keyword to the bytes as they came, in hexadecimal, and the value that is served.
    coerced: dict[str, list[str]] = field(default_factory=dict)
    is_kept: bool = True

    @property
    def is_accepted(self) -> bool:
        """Whether the instance is in the archive."""
        return self.outcome in {Outcome.STORED, Outcome.DUPLICATE}
