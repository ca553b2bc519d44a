"""Patients by criteria, inside the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from django.db.models import CharField, Exists, OuterRef, Prefetch, Q, Value
from django.db.models.functions import Coalesce, Concat, Replace

from archive.dicom.charsets import fold_text
from archive.models import Patient, PatientAlias, Study
from archive.query.criteria.conditions import (
    NOTHING,
    any_of,
    condition_of,
    day_condition,
    instant_condition,
    keys_condition,
    negated,
    referred_condition,
    row_key,
)
from archive.query.criteria.paging import in_order_of, slice_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from archive.query.criteria.types import Criterion, Found, Slice, Token

# Patient IDs are told apart by who gave them out, which DICOM names by any text.
ISSUER_SYSTEM = "urn:twinsight:issuer:"
# Of a search that names an issuer alone: who had an ID of it once, at most.
MAX_FORMER = 10_000
# Patients that are looked up one by one where something about them is asked for.
MAX_FEW = 1000
GENDERS = {"male": ("M",), "female": ("F",), "other": ("O",)}
_ORDERS: dict[str, tuple[str, ...]] = {
    "_lastUpdated": ("changed_at",),
    "family": ("patient_name_search",),
    "name": ("patient_name_search",),
    "birthdate": ("patient_birth_date",),
}


def system_of_issuer(issuer: str) -> str:
    """Return the system of identifiers that an issuer gave out; none for an unknown one."""
    return ISSUER_SYSTEM + quote(issuer, safe="") if issuer else ""


def search_patients(user: AnyUser, criteria: Sequence[Criterion], wanted: Slice) -> Found[Patient]:
    """Return patients with a study that the user may see.

    Parameters
    ----------
    user
        the asker
    criteria
        all of which must fit
    wanted
        which part of them

    Raises
    ------
    InvalidRequestError
        A criterion can't be asked of patients.
    """
    rows = _known(Patient.objects.visible_to(user)).filter(patient_condition(criteria))
    in_order = in_order_of(wanted, criteria, ("_lastUpdated", "birthdate"))
    return slice_of(_complete(rows), in_order, _ORDERS)


def patients_by_keys(user: AnyUser, keys: Iterable[str]) -> list[Patient]:
    """Return patients by their keys, those in the user's rights; merged ones as what they were.

    Parameters
    ----------
    user
        the asker
    keys
        as texts; what can be none is passed over
    """
    wanted = [key for key in (row_key(text) for text in keys) if key is not None]
    visible = Patient.objects.visible_to(user)
    # Whoever sees the patient that is left may learn what became of the other.
    merged = Q(merged_into__in=visible.filter(merged__in=wanted).values("pk"))
    studies = Study.objects.visible_to(user).filter(patient_id=OuterRef("pk"))
    rows = Patient.objects.filter(merged | Q(Exists(studies)), pk__in=wanted)
    return list(_complete(_known(rows)).order_by("pk"))


def patient_condition(criteria: Sequence[Criterion], path: str = "") -> Q:
    """Build the condition on patients at a path: empty, or ending in two underscores.

    Raises
    ------
    InvalidRequestError
        A criterion can't be asked of patients.
    """
    found = Q()
    for criterion in criteria:
        condition = condition_of(criterion, _CONDITIONS, _MISSING, "patients")
        if path:
            # Conditions are on the patients' own columns.
            keys = _known(Patient.objects.all()).filter(condition).order_by()
            # Read first: the search and its count look them up once, and know how few they are.
            few = list(keys.values_list("pk", flat=True)[: MAX_FEW + 1])
            found &= Q(**{f"{path}pk__in": few if len(few) <= MAX_FEW else keys.values("pk")})
        else:
            found &= condition
    return found


def _known(rows: QuerySet[Patient]) -> QuerySet[Patient]:
    """Add when what is said of a patient changed last, and their name between carets."""
    caret = Value("^", output_field=CharField())
    return rows.alias(
        parts=Concat(caret, Replace("patient_name", Value("="), Value("^")), caret)
    ).annotate(changed_at=Coalesce("corrected_at", "created_at"))


def _complete(rows: QuerySet[Patient]) -> QuerySet[Patient]:
    active = PatientAlias.objects.filter(is_active=True).order_by("pk")
    return rows.prefetch_related(
        Prefetch("aliases", queryset=active, to_attr="former_ids"),
        Prefetch("merged", queryset=Patient.objects.order_by("pk"), to_attr="replaced"),
    )


def _identifier(criterion: Criterion) -> Q:
    named = [_one_identifier(token) for token in criterion.values]
    own = any_of(condition for condition, _ in named)
    # Read first: a condition that is either a column's or another table's has no index.
    aliases = PatientAlias.objects.filter(any_of(former for _, former in named), is_active=True)
    keys = list(aliases.values_list("patient_id", flat=True)[:MAX_FORMER])
    return negated(criterion, own | Q(pk__in=keys))


def _one_identifier(token: Token) -> tuple[Q, Q]:
    """Match patients, and IDs that a merge took away, which find the patient who had them."""
    if token.system is None:
        named = Q(dicom_patient_id=token.code) if token.code else ~Q(dicom_patient_id="")
        return named, Q(dicom_patient_id=token.code) if token.code else Q()
    if token.system and not token.system.startswith(ISSUER_SYSTEM):
        return NOTHING, NOTHING
    issuer = Q(issuer_of_patient_id=unquote(token.system.removeprefix(ISSUER_SYSTEM)))
    if not token.code:
        return issuer & ~Q(dicom_patient_id=""), issuer
    named = issuer & Q(dicom_patient_id=token.code)
    return named, named


def _gender(criterion: Criterion) -> Q:
    known = [code for codes in GENDERS.values() for code in codes]
    found = []
    for token in criterion.values:
        if token.code == "unknown":
            found.append(~Q(patient_sex__in=[*known, ""]))
        found.append(Q(patient_sex__in=GENDERS.get(token.code, ())))
    return negated(criterion, any_of(found))


def _names(starts: Callable[[str], Q]) -> Callable[[Criterion], Q]:
    def build(criterion: Criterion) -> Q:
        return any_of(_name(value, criterion.modifier, starts) for value in criterion.values)

    return build


def _name(text: str, modifier: str, starts: Callable[[str], Q]) -> Q:
    if modifier == "exact":
        return Q(parts__contains=f"^{text}^")
    folded = fold_text(text)
    if not folded:
        return NOTHING
    return Q(patient_name_search__contains=folded) if modifier == "contains" else starts(folded)


def _family(folded: str) -> Q:
    """Match the beginning of a name, in any of its groups."""
    first = Q(patient_name_search__startswith=folded)
    return first | Q(patient_name_search__contains=f"={folded}")


def _given(folded: str) -> Q:
    """Match the beginning of any word but the first."""
    return Q(patient_name_search__contains=f" {folded}")


_CONDITIONS: dict[str, Callable[[Criterion], Q]] = {
    "_id": keys_condition,
    "_lastUpdated": lambda criterion: instant_condition(criterion, "changed_at"),
    "identifier": _identifier,
    "name": _names(lambda folded: _family(folded) | _given(folded)),
    "family": _names(_family),
    "given": _names(_given),
    "birthdate": lambda criterion: day_condition(criterion, "patient_birth_date"),
    "gender": _gender,
    "_has": referred_condition,
}
_MISSING: dict[str, Q] = {
    "identifier": Q(dicom_patient_id=""),
    "name": Q(patient_name_search=""),
    "family": Q(patient_name_search=""),
    "given": ~Q(patient_name_search__contains=" "),
    "birthdate": Q(patient_birth_date__isnull=True),
    "gender": Q(patient_sex=""),
}
