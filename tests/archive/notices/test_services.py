"""Who is told of what, how often, and in which way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.utils import timezone
from django.utils.translation import gettext_lazy, override

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import Account, Follow, Notice, Quarantine
from archive.notices.attention import tell_of_attention
from archive.notices.follows import follow_study, tell_followers, unfollow_study
from archive.notices.mailing import MAX_ATTEMPTS, send_due_mail
from archive.notices.purging import purge_old_notices
from archive.notices.selectors import choices_of, is_following, notices_of, unread_count
from archive.notices.services import change_choices, mark_read, tell, withdraw
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project, Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(project: Project) -> Study:
    return StudyFactory(projects=[project])


def asks(user: User) -> Asker:
    return Asker(door="portal", user=user)


def test_each_is_told_once_and_again_only_what_was_read(radiologist: User, colleague: User) -> None:
    both = [radiologist, colleague.pk]
    assert tell(both, "job", "Done", "/jobs/", key="job-1") == 2
    assert tell(both, "job", "Done", "/jobs/", key="job-1") == 0
    assert tell([radiologist], "job", "Done", key="job-1", is_repeated=True) == 0
    assert tell([radiologist], "job", "Another", "/jobs/") == 1

    mark_read(radiologist)
    assert (unread_count(radiologist), unread_count(colleague)) == (0, 1)
    assert tell([radiologist], "job", "Done again", key="job-1", is_repeated=True) == 1
    assert notices_of(radiologist).first().title == "Done again"
    assert withdraw("job", "job-1") == 2
    assert unread_count(radiologist) == 0


def test_disabled_accounts_and_what_nobody_wants_are_left_out(
    radiologist: User, colleague: User
) -> None:
    change_choices(radiologist, {"job": (False, False)})
    colleague.is_active = False
    colleague.save()

    assert tell([radiologist, colleague], "job", "Done") == 0
    with pytest.raises(InvalidRequestError, match="no mail"):
        change_choices(radiologist, {"job": (True, True)})
    with pytest.raises(InvalidRequestError, match="no topic"):
        change_choices(radiologist, {"gossip": (True, False)})
    assert "quarantine" not in {choice.topic.key for choice in choices_of(radiologist)}


def test_news_is_written_in_each_readers_language(radiologist: User, colleague: User) -> None:
    Account.objects.update_or_create(user=colleague, defaults={"language": "de"})
    with override("de"):
        german = str(gettext_lazy("Save"))

    tell([radiologist, colleague], "job", gettext_lazy("Save"))

    titles = dict(Notice.objects.values_list("user__username", "title"))
    assert titles == {"radiologist": "Save", "colleague": german}


def test_followers_hear_of_what_arrives_while_they_may_see_it(
    radiologist: User, colleague: User, outsider: User, study: Study, project: Project
) -> None:
    uid = study.study_instance_uid
    follow_study(asker=asks(radiologist), study_uid=uid)
    follow_study(asker=asks(colleague), study_uid=uid, whole_patient=True)
    with pytest.raises(NotVisibleError):
        follow_study(asker=asks(outsider), study_uid=uid)
    Follow.objects.create(user=outsider, study=study)
    later = StudyFactory(projects=[project], patient=study.patient)
    StudyFactory(projects=[project], patient=PatientFactory())

    assert tell_followers([study.pk, later.pk]) == 3
    assert tell_followers([study.pk]) == 0  # unread still
    assert {(row.title, row.study_id) for row in notices_of(colleague)} == {
        ("Something new in a study that you follow", study.pk),
        ("A new study of a patient you follow", later.pk),
    }
    assert unread_count(outsider) == 0

    study.projects.clear()
    assert unread_count(radiologist) == 0
    unfollow_study(asker=asks(radiologist), study_uid=uid)
    assert not is_following(radiologist, uid)


def test_trial_of_a_model_is_news_for_reviewers_alone(
    radiologist: User, colleague: User, study: Study
) -> None:
    for user in (radiologist, colleague):
        follow_study(asker=asks(user), study_uid=study.study_instance_uid)
    shown, trial, gone = (
        SeriesFactory(study=study, withheld=state) for state in ("", "trial", "deleted")
    )

    assert tell_followers([study.pk], series_ids=[trial.pk, gone.pk]) == 1
    assert (unread_count(radiologist), unread_count(colleague)) == (1, 0)
    assert tell_followers([study.pk], series_ids=[trial.pk, shown.pk]) == 1
    assert (unread_count(radiologist), unread_count(colleague)) == (1, 1)


def test_arriving_instance_reaches_the_bell_by_the_outbox(
    radiologist: User, project: Project, django_capture_on_commit_callbacks: Any
) -> None:
    from archive.events.services import relay_outbox

    (instance,) = store_datasets(make_dataset(), project=project)
    relay_outbox()
    uid = instance.series.study.study_instance_uid
    follow_study(asker=asks(radiologist), study_uid=uid)
    store_datasets(make_dataset(StudyInstanceUID=uid), project=project)
    relay_outbox()

    (row,) = notices_of(radiologist)
    assert row.path == f"/studies/{uid}/"


def test_mail_is_one_digest_without_names_and_tried_again(
    radiologist: User, study: Study, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TWINSIGHT_EMAIL_URL, settings.TWINSIGHT_PUBLIC_URL = "smtp://x", "https://a.invalid"
    radiologist.email = "r@clinic.invalid"
    radiologist.save()
    change_choices(radiologist, {"follow": (True, True), "job": (False, True)})
    follow_study(asker=asks(radiologist), study_uid=study.study_instance_uid)
    tell_followers([study.pk])
    tell([radiologist], "job", "An export is ready", "/jobs/7/")
    assert unread_count(radiologist) == 1  # the other is wanted by mail alone
    assert send_due_mail() == 0  # not yet due

    def refuse(*_args: Any) -> None:
        raise OSError

    Notice.objects.update(mail_due_at=timezone.now())
    with monkeypatch.context() as patched:
        patched.setattr("archive.notices.mailing.send_mail", refuse)
        assert send_due_mail() == 0
    assert set(Notice.objects.values_list("mail_attempts", flat=True)) == {1}
    Notice.objects.update(mail_due_at=timezone.now())
    assert (send_due_mail(), send_due_mail()) == (1, 0)

    (letter,) = mail.outbox
    assert letter.subject == "Twinsight: 2 things are new"
    assert "https://a.invalid/jobs/7/" in letter.body
    assert study.patient.patient_name not in letter.body
    assert study.patient.dicom_patient_id not in letter.body
    assert MAX_ATTEMPTS > 1


def test_news_that_comes_again_and_again_is_mailed_in_the_end(
    radiologist: User, settings: Any
) -> None:
    settings.TWINSIGHT_EMAIL_URL = "smtp://mail.invalid"
    radiologist.email = "r@clinic.invalid"
    radiologist.save()
    change_choices(radiologist, {"job": (False, True)})
    tell([radiologist], "job", "Refused", key="job-1", is_repeated=True)
    due = Notice.objects.get().mail_due_at
    tell([radiologist], "job", "Refused", key="job-1", is_repeated=True)
    assert Notice.objects.get().mail_due_at == due
    Notice.objects.update(mail_due_at=timezone.now())
    assert send_due_mail() == 1
    # Once it is mailed it is news again; what was settled before that is not mailed.
    assert tell([radiologist], "job", "Refused", key="job-1", is_repeated=True) == 1
    withdraw("job", "job-1")
    change_choices(radiologist, {"job": (True, True)})
    tell([radiologist], "job", "Done")
    mark_read(radiologist)
    Notice.objects.filter(mail_due_at__isnull=False).update(mail_due_at=timezone.now())
    assert send_due_mail() == 0
    assert len(mail.outbox) == 1


def test_old_news_is_forgotten(radiologist: User) -> None:
    tell([radiologist], "job", "Old")
    Notice.objects.update(created_at=timezone.now() - timedelta(days=91))
    tell([radiologist], "job", "New")

    assert purge_old_notices() == 1
    assert notices_of(radiologist).get().title == "New"


def test_admins_hear_of_refused_files_once_until_they_looked(
    archive_admin: User, radiologist: User, project: Project
) -> None:
    assert tell_of_attention() == 0  # the first time only notes where it is
    Quarantine.objects.create(reason_code="x", reason="No DICOM", door="test", project=project)
    assert (tell_of_attention(), tell_of_attention()) == (1, 0)
    assert (unread_count(archive_admin), unread_count(radiologist)) == (1, 0)
    Quarantine.objects.create(reason_code="x", reason="No DICOM", door="test", project=project)
    assert tell_of_attention() == 0  # unread still

    mark_read(archive_admin)
    Quarantine.objects.create(reason_code="x", reason="No DICOM", door="test", project=project)
    assert tell_of_attention() == 1
