"""Studies that people want news of, and the news of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.dicom.uids import is_valid_uid
from archive.errors import LimitExceededError, NotAllowedError, NotVisibleError
from archive.models import Follow, Series, Study
from archive.notices.services import tell
from archive.notices.topics import FOLLOWED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import User

    from archive.audit.types import Asker

MOST_FOLLOWED = 1000


def follow_study(*, asker: Asker, study_uid: str, whole_patient: bool = False) -> None:
    """Tell the asker of what becomes of a study from now on.

    Parameters
    ----------
    asker
        who follows
    study_uid
        a study that they see
    whole_patient
        also of new studies of the same patient

    Raises
    ------
    NotAllowedError
        Nobody is signed in.
    NotVisibleError
        There is no such study within the asker's rights.
    LimitExceededError
        The asker follows as many as one may.
    """
    user = asker.user
    if user is None or not user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to follow a study."))
    study = None
    if is_valid_uid(study_uid):
        study = Study.objects.visible_to(user).filter(study_instance_uid=study_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    mine = Follow.objects.filter(user_id=user.pk)
    if mine.exclude(study=study).count() >= MOST_FOLLOWED:
        raise LimitExceededError(
            gettext("You follow %(most_followed)s studies; leave some first.")
            % {"most_followed": MOST_FOLLOWED}
        )
    Follow.objects.update_or_create(
        user_id=user.pk, study=study, defaults={"whole_patient": whole_patient}
    )


def unfollow_study(*, asker: Asker, study_uid: str) -> None:
    """Tell the asker no more of a study; of one they don't follow, nothing changes."""
    if asker.user is None or not asker.user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to follow a study."))
    rows = Follow.objects.filter(user_id=asker.user.pk)
    rows.filter(study__study_instance_uid=study_uid).delete()


def tell_followers(study_ids: Sequence[int], *, series_ids: Sequence[int] | None = None) -> int:
    """Tell who follows the studies, or their patients, that there is something new in them.

    Parameters
    ----------
    study_ids
        keys of the studies
    series_ids
        of the series in which it is, where that is known: trials of models are no news but for
        reviewers

    Returns
    -------
    how many people were told of how many studies, summed
    """
    patients = Study.objects.filter(pk__in=study_ids).values("patient_id")
    rows = Follow.objects.filter(
        Q(study__in=study_ids) | Q(whole_patient=True, study__patient__in=patients)
    ).values_list("user_id", "study_id", "study__patient_id", "whole_patient")
    follows = list(rows)
    if not follows:
        return 0
    told = 0
    for study in Study.objects.filter(pk__in=study_ids):
        followers = {
            user
            for user, followed, patient, is_whole in follows
            if followed == study.pk or (is_whole and patient == study.patient_id)
        }
        direct = {row[0] for row in follows if row[1] == study.pk}
        told += _tell_of(study, followers, direct, series_ids)
    return told


def _tell_of(
    study: Study, followers: set[int], direct: set[int], series_ids: Sequence[int] | None
) -> int:
    """Tell those of the followers who see the study; new studies of a patient sound different."""
    users = get_user_model().objects.filter(pk__in=followers, is_active=True)
    seeing = [user.pk for user in users if _sees(user, study, series_ids)]
    told = 0
    for keys, title in (
        ([key for key in seeing if key in direct], _("Something new in a study that you follow")),
        ([key for key in seeing if key not in direct], _("A new study of a patient you follow")),
    ):
        told += tell(
            keys,
            FOLLOWED,
            title,
            reverse("portal:study-detail", args=[study.study_instance_uid]),
            key=f"study-{study.pk}",
            study_id=study.pk,
            is_repeated=True,
        )
    return told


def _sees(user: User, study: Study, series_ids: Sequence[int] | None) -> bool:
    if not Study.objects.visible_to(user).filter(pk=study.pk, withheld="").exists():
        return False
    if series_ids is None:
        return True
    new = Series.objects.filter(pk__in=series_ids, study=study)
    return new.visible_to(user).exists() or not new.filter(withheld="trial").exists()
