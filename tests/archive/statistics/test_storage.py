"""The disk: sampled, thinned, and when it will be full."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from archive.errors import NotAllowedError
from archive.models import StorageSample
from archive.statistics.forecasting import forecast
from archive.statistics.sampling import take_sample, thin_samples
from archive.statistics.selectors import storage_samples
from archive.statistics.tasks import sample_storage_task

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db
GB = 1_000_000_000


def sample(days_ago: float, free: float) -> None:
    row = StorageSample.objects.create(free_bytes=int(free * GB), total_bytes=1000 * GB)
    moment = timezone.now() - timedelta(days=days_ago)
    StorageSample.objects.filter(pk=row.pk).update(taken_at=moment)


def test_a_sample_says_what_the_disk_and_the_database_say() -> None:
    found = take_sample()

    assert 0 < found.free_bytes < found.total_bytes
    assert found.database_bytes > 1_000_000


@pytest.mark.parametrize("later", [timedelta(minutes=16), timedelta(hours=-2)])
def test_first_sample_comes_at_once_and_the_next_a_quarter_of_an_hour_later(later: Any) -> None:
    for _ in range(3):
        sample_storage_task()
    assert StorageSample.objects.count() == 1

    # Time passes, or the clock is set back.
    StorageSample.objects.update(taken_at=timezone.now() - later)
    sample_storage_task()
    assert StorageSample.objects.count() == 2


def test_full_date_follows_the_trend_and_ignores_one_import(settings: Any) -> None:
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 10 * GB
    assert forecast() is None
    for day in range(30):
        # Ten gigabytes a day; one day, two hundred at once.
        sample(30 - day, 900 - 10 * day - (200 if day > 14 else 0))

    found = forecast()

    assert found is not None
    assert found.bytes_per_day == pytest.approx(10 * GB, rel=0.05)
    assert found.full_on is not None
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest <= found.full_on <= found.latest
    left = 900 - 290 - 200 - 10
    days = (found.full_on - timezone.now()).days
    assert days == pytest.approx(left / (found.bytes_per_day / GB), abs=1)


def test_a_disk_that_empties_is_never_full() -> None:
    for day in range(5):
        sample(5 - day, 100 + day)

    found = forecast()

    assert found is not None
    assert found.full_on is None


def test_a_bucket_without_a_known_end_grows_and_is_never_full() -> None:
    sample(6, 100)  # of the disk that was before
    for day in range(5):
        row = StorageSample.objects.create(free_bytes=0, total_bytes=0, blob_bytes=day * GB)
        moment = timezone.now() - timedelta(days=5 - day)
        StorageSample.objects.filter(pk=row.pk).update(taken_at=moment)

    found = forecast()

    assert found is not None
    assert found.bytes_per_day == pytest.approx(GB, rel=0.01)
    assert (found.full_on, found.earliest, found.latest) == (None, None, None)


def test_old_samples_are_thinned_to_one_a_day(archive_admin: User, radiologist: User) -> None:
    noon = timezone.now().replace(hour=12, minute=0)
    into_the_day = (timezone.now() - noon) / timedelta(days=1)
    for hour in range(6):
        sample(20 + into_the_day + hour / 100, 500)
    sample(1, 500)
    sample(900, 500)

    assert thin_samples() == 6
    assert StorageSample.objects.count() == 2
    assert len(storage_samples(archive_admin)) == 2
    with pytest.raises(NotAllowedError):
        storage_samples(radiologist)
