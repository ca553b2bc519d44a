"""ADT messages: who patients are, and which two are one (HL7 v2.5.1 chapter 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.corrections.directory import find_patient, has_same_values, update_open_orders
from archive.corrections.patients import edit_patient, merge_patients
from archive.errors import InvalidRequestError
from archive.hl7.reading import moment, person_name, sex

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.hl7.reading import Message
    from archive.models import Patient

DEMOGRAPHICS = frozenset({f"ADT^A{number:02d}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 28, 31)})
MERGES = frozenset({"ADT^A40", "ADT^A34", "ADT^A18"})
# Identifiers of people that no hospital files images under (HL7 table 0203).
_FOREIGN = frozenset(
    {"SS", "NI", "NIIP", "PPN", "DL", "MC", "MA", "PN", "AN", "VN", "BC", "CZ", "TAX", "HC", "XX"}
)


@dataclass(frozen=True)
class Named:
    """A patient as a message names them."""

    identifier: str
    issuer: str


def apply_demographics(asker: Asker, message: Message) -> bool:
    """Correct a patient whom the archive knows; whether anything changed.

    Raises
    ------
    InvalidRequestError
        The message names nobody.
    """
    named = known_name(message)
    values = _values(message)
    is_changed = update_open_orders(named.identifier, named.issuer, values)
    patient = find_patient(named.identifier, named.issuer)
    if patient is None or not values or has_same_values(patient, values):
        return is_changed
    edit_patient(asker=asker, patient_id=patient.pk, values=values, reason=f"HL7 {message.kind}")
    return True


def apply_merge(asker: Asker, message: Message) -> bool:
    """Merge the patients named before (MRG-1) into those that stay (PID-3), pair by pair.

    Where the archive knows only the former, its ID becomes the one that stays.
    """
    # Named before anything is done: what is missing anywhere is missing in all of it.
    pairs = [(part, *pair) for part in message.groups("PID") for pair in _pairs(part)]
    merged = [_merge(asker, *pair) for pair in pairs]
    return any(merged)


def known_name(message: Message) -> Named:
    """Return how the archive knows the patient of PID-3, of all the IDs that they have there.

    Raises
    ------
    InvalidRequestError
        The message names nobody.
    """
    everybody = _all_named(message, "PID", 3)
    known = (one for one in everybody if _find(one, is_exact=True) is not None)
    return next(known, everybody[0])


def _find(named: Named, *, is_exact: bool) -> Patient | None:
    """Return whom an ID names; one of several IDs names nobody but its issuer's patient."""
    return find_patient(named.identifier, named.issuer, is_exact=is_exact)


def _pairs(message: Message) -> list[tuple[Named, Named, bool]]:
    """Pair each former ID with the one that stays: of the same issuer, else the first.

    With them, whether the former is one of several.
    """
    kept, former = _all_named(message, "PID", 3), _all_named(message, "MRG", 1)
    by_issuer = {one.issuer: one for one in reversed(kept)}
    return [(by_issuer.get(one.issuer, kept[0]), one, len(former) > 1) for one in former]


def _merge(asker: Asker, message: Message, kept: Named, former: Named, is_exact: bool) -> bool:  # noqa: FBT001 as it is paired
    source = _find(former, is_exact=is_exact)
    target = _find(kept, is_exact=False)
    if source is None or (target is not None and source.pk == target.pk):
        return False
    reason = f"HL7 {message.kind}"
    if target is not None:
        merge_patients(asker=asker, source_id=source.pk, target_id=target.pk, reason=reason)
        return True
    values = {**_values(message), "PatientID": kept.identifier}
    if source.issuer_of_patient_id:
        values["IssuerOfPatientID"] = kept.issuer
    edit_patient(asker=asker, patient_id=source.pk, values=values, reason=reason)
    return True


def _all_named(message: Message, segment: str, field: int) -> list[Named]:
    """Return the IDs of a field, of the kinds that hospitals file images under if there are any.

    Raises
    ------
    InvalidRequestError
        There are none.
    """

    def said(component: int, repetition: int) -> str:
        return message.text(segment, field, component, repetition=repetition)

    found = [
        (said(5, one).upper() in _FOREIGN, Named(said(1, one)[:64], said(4, one)[:64]))
        for one in message.repetitions(segment, field)
        if said(1, one)
    ]
    if not found:
        text = f"{segment}-{field} names no patient."
        raise InvalidRequestError(text, code="required")
    own = [named for is_foreign, named in found if not is_foreign]
    return own or [named for _, named in found]


def _values(message: Message) -> dict[str, str]:
    """Return what the message says; what it leaves out, or says nothing of, stays."""
    born, _ = moment(message.text("PID", 7))
    said = {
        "PatientName": person_name(message, "PID", 5),
        "PatientBirthDate": born.strftime("%Y%m%d") if born else "",
        "PatientSex": sex(message.text("PID", 8)),
    }
    return {keyword: value for keyword, value in said.items() if value}
