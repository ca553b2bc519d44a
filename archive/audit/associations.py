"""Peers at the DICOM door: who was refused, and what was sent to whom on another's word."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from archive.audit.services import Action, Outcome, _record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.audit.types import Asker
    from archive.models import Instance


def record_association_refused(asker: Asker, *, called: str, reason: str) -> None:
    """Security Alert (110113), node authentication: an association was refused."""
    _record(
        asker,
        "110113",
        "refuse-association",
        Action.EXECUTE,
        outcome=Outcome.MINOR_FAILURE,
        details={"called": called, "reason": reason},
    )


def record_moved(asker: Asker, instances: Iterable[Instance], *, destination: str) -> None:
    """DICOM Instances Transferred (110104) by C-MOVE: written before the first byte leaves."""
    counts = Counter(instance.series.study.study_instance_uid for instance in instances)
    for uid, count in counts.items():
        details = {"instances": count, "destination": destination}
        _record(asker, "110104", "move", Action.READ, study=uid, details=details)


def record_commitment(asker: Asker, *, transaction_uid: str, committed: int, failed: int) -> None:
    """Record what the archive answers for (DICOM Instances Accessed, 110103)."""
    details = {"transaction": transaction_uid, "committed": committed, "failed": failed}
    _record(asker, "110103", "storage-commitment", Action.READ, details=details)
