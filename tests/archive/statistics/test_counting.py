"""Days counted, and what is made of them, within the asker's rights."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from archive.curation.services import withhold_series
from archive.dicom.writing import OWN_MANUFACTURER
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import DailyCount, Study
from archive.statistics.counting import WHOLE_ARCHIVE, count_day, count_days
from archive.statistics.selectors import (
    days_of,
    figure_projects,
    shares_by_modality,
    shares_by_project,
)
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

    from archive.models import Project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round counts all its days, however slow the machine is."""
    monkeypatch.setattr("archive.statistics.counting._BUDGET_S", 600.0)


@pytest.fixture
def three(project: Project, other_project: Project) -> list[Study]:
    """A CT here, an MR there, a CT in both, which came ten days ago."""
    made = [
        store_datasets(make_dataset(Modality=modality), project=where)[0].series.study
        for modality, where in (("CT", project), ("MR", other_project), ("CT", project))
    ]
    made[2].projects.add(other_project)
    Study.objects.filter(pk=made[2].pk).update(created_at=timezone.now() - timedelta(days=10))
    return made


def test_days_are_counted_by_project_and_modality_within_rights(
    three: list[Study], archive_admin: User, radiologist: User, outsider: User
) -> None:
    assert count_days() >= 11
    studies = {user: [day.studies for day in days_of(user, days=11)] for user in
               (archive_admin, radiologist, outsider)}  # fmt: skip

    assert studies[archive_admin] == [1, *[0] * 9, 2]
    assert studies[radiologist] == [1, *[0] * 9, 1]
    assert days_of(outsider, days=11)[-1].modalities == {"MR": 1}
    assert days_of(outsider, days=11)[0].modalities == {"CT": 1}
    size = sum(study.stored_bytes for study in Study.objects.all())
    assert sum(share.stored_bytes for share in shares_by_modality(archive_admin)) == size
    # A study of two projects counts in both.
    assert sum(share.studies for share in shares_by_project(archive_admin)) == 4
    assert [one.name for one in figure_projects(radiologist)] == ["Chest clinic"]
    with pytest.raises(NotVisibleError):
        days_of(radiologist, project="neurology")
    with pytest.raises(InvalidRequestError):
        days_of(radiologist, days=0)


def count_noon() -> None:
    """Count all studies as of today's noon: a day that ends meanwhile changes nothing."""
    noon = timezone.localtime().replace(hour=12)
    Study.objects.update(created_at=noon)
    DailyCount.objects.all().delete()
    count_day(noon.date())


def test_heat_maps_have_a_name_of_their_own_and_are_no_other_images(
    project: Project, client: Client, radiologist: User
) -> None:
    of_study = {"StudyInstanceUID": "1.2.3"}
    drawn = {**of_study, "Modality": "OT", "Manufacturer": OWN_MANUFACTURER}
    store_datasets(make_dataset(**of_study, Modality="CT"), make_dataset(**drawn), project=project)
    count_noon()
    client.force_login(radiologist)
    page = reverse("portal:dashboard")

    assert {one.name: one.instances for one in shares_by_modality(radiologist)} == {
        "CT": 1,
        "Heat maps": 1,
    }
    assert [column.tone for column in client.get(page).context["studies"].columns] == ["ct"]

    # A photograph is of another maker.
    store_datasets(
        make_dataset(**(drawn | {"Manufacturer": "Camera"})), make_dataset(), project=project
    )
    count_noon()

    assert {one.name for one in shares_by_modality(radiologist)} == {"CT", "OT", "Heat maps"}
    columns = client.get(page).context["studies"].columns
    assert [column.tone for column in columns] == ["ct", "other"]


def test_withheld_series_are_in_no_figure_of_a_modality(
    project: Project, radiologist: User
) -> None:
    of_study = {"StudyInstanceUID": "1.2.3"}
    kinds = ("CT", "CT", "SR", "SEG", "PR")
    stored = store_datasets(
        *(make_dataset(**of_study, Modality=modality) for modality in kinds), project=project
    )
    hidden = ("rejected", "trial", "superseded", "deleted")
    for one, state in zip(stored[1:], hidden, strict=True):
        withhold_series(sop_instance_uids=[one.sop_instance_uid], reason=state)

    count_noon()

    shares = shares_by_modality(radiologist)
    assert {one.name: one.instances for one in shares} == {"CT": 1}


def test_what_was_deleted_or_moved_since_is_counted_right_in_its_turn(
    three: list[Study], project: Project, archive_admin: User
) -> None:
    count_days()
    Study.objects.filter(pk=three[2].pk).update(withheld="deleted")
    three[0].projects.clear()

    assert count_days() >= 9  # older days, in turn
    count_day(timezone.localdate())

    assert [day.studies for day in days_of(archive_admin, days=11)] == [*[0] * 10, 2]
    assert not DailyCount.objects.filter(project_id=project.pk).exists()
    assert DailyCount.objects.filter(project_id=WHOLE_ARCHIVE, modality="").count() == 1


def test_counting_rests_after_a_long_round(three: list[Study], monkeypatch: Any) -> None:
    monkeypatch.setattr("archive.statistics.counting._BUDGET_S", 0.0)

    assert count_days() == 1
    assert count_days() == 0
    cache.clear()
    assert count_days() == 1


def test_dashboard_shows_figures_of_the_askers_projects(
    three: list[Study],
    client: Client,
    radiologist: User,
    archive_admin: User,
    other_project: Project,
) -> None:
    count_days()
    page = reverse("portal:dashboard")
    client.force_login(radiologist)
    mine = client.get(page)
    assert mine.context["today"].studies == 1
    assert [column.tone for column in mine.context["studies"].columns] == ["ct"]
    assert not mine.context["queues"]
    assert client.get(page, {"project": other_project.slug}).status_code == 404
    assert client.get(page, {"days": "1825"}).context["studies"].rows[-1].values == [2]

    client.force_login(archive_admin)
    whole = client.get(page, {"days": "nonsense"})
    assert whole.context["today"].studies == 2
    assert {line.queue.name for line in whole.context["queues"]} >= {"outbox", "forwards"}
    assert client.get(page, {"project": other_project.slug}).context["period"].studies == 2
