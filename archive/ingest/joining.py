"""Which known patient a new study may join: one whom its sender sees, or whom it names in full.

A Patient ID is no secret. Who stores a file that says nothing but a known ID would otherwise be
shown whose it is, and could write into what is not known of that patient yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

from archive.access.selectors import home_project
from archive.ingest.following import former_identities, identity_of, says_all
from archive.models import Patient, Project, Study

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from archive.dicom.attributes import PatientAttributes
    from archive.ingest.types import Origin


@dataclass(frozen=True)
class Newcomer:
    """A study that is new here: whom it names, from whom it comes, and whether without identity.

    The statement of migration 0036 asks the same of a patient to whom there is nothing to add.
    """

    attributes: PatientAttributes
    origin: Origin
    is_deidentified: bool

    def may_join(self, row: Patient) -> bool:
        """Whether it may be a study of a patient under the same ID, whom it doesn't contradict.

        Parameters
        ----------
        row
            locked
        """
        kinds = _kinds(row)
        if not self._is_of(kinds) or (len(kinds) > 1 and self._says_more(row)):
            return False
        return self.may_fill_in(row) or self._names(row)

    def may_follow(self, row: Patient) -> bool:
        """Whether it may be a study of a patient whom it names by what a correction took away.

        Parameters
        ----------
        row
            locked
        """
        if not self._is_of(_kinds(row)):
            return False
        said = [identity_of(row), *former_identities(row, self.attributes)]
        is_named = any(
            one["patient_name_search"] and says_all(one, self.attributes) for one in said
        )
        return is_named or self.may_fill_in(row)

    def may_fill_in(self, row: Patient) -> bool:
        """Whether its sender knows the patient: sees a study of theirs, or is trusted.

        Of a peer, and of what the archive fetched by itself, that is one in the project into which
        they store. Where nothing at all is known, there is nothing to be seen.

        Parameters
        ----------
        row
            locked
        """
        origin = self.origin
        if origin.is_trusted or _is_empty(row):
            return True
        if origin.actor is not None:
            return _sees(origin.actor, row)
        return self._is_near(row) or self._account_sees(row)

    def _is_of(self, kinds: set[bool]) -> bool:
        """Whether studies with and without identity stay apart."""
        return kinds == {True} if self.is_deidentified else kinds != {True}

    def _names(self, row: Patient) -> bool:
        """Whether it says all that is known; nothing but an ID is too little to go by elsewhere."""
        is_told = says_all(identity_of(row), self.attributes)
        return is_told and (bool(row.patient_name_search) or self._is_near(row))

    def _says_more(self, row: Patient) -> bool:
        said = self.attributes
        return not says_all(identity_of(said), row)

    def _is_near(self, row: Patient) -> bool:
        """Whether a study of the patient lies where the new one goes."""
        project = target_project(self.origin)
        studies = Study.objects.filter(patient=row).exclude(withheld=Study.Withheld.DELETED)
        if project is None:
            return studies.filter(projects__kind=Project.Kind.UNASSIGNED).exists()
        return studies.filter(projects=project).exists()

    def _account_sees(self, row: Patient) -> bool:
        key = self.origin.account_id
        account = get_user_model().objects.filter(pk=key).first() if key else None
        return account is not None and _sees(account, row)


def target_project(origin: Origin) -> Project | None:
    """Return the project into which a door stores what is new; None stands for *Unassigned*.

    Parameters
    ----------
    origin
        of the batch
    """
    if origin.project is None and origin.actor is not None:
        return home_project(origin.actor)
    return origin.project


def _kinds(row: Patient) -> set[bool]:
    """Whether the patient's studies are without identity; deleted ones, which may return, too."""
    studies = Study.objects.filter(patient=row).order_by()
    return set(studies.values_list("is_deidentified", flat=True).distinct())


def _is_empty(row: Patient) -> bool:
    """Whether nothing is left of a patient but the ID."""
    is_known = row.patient_name_search or row.patient_birth_date or row.patient_sex
    return not is_known and not Study.objects.filter(patient=row).exists()


def _sees(user: User | AnonymousUser, row: Patient) -> bool:
    return Patient.objects.visible_to(user).filter(pk=row.pk).exists()
