"""The dashboard, the pages for administrators and the bell, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from archive.models import DailyCount, Forward, Membership, OutboxEvent, Peer, StorageSample
from archive.notices.services import tell
from archive.statistics.counting import WHOLE_ARCHIVE
from tests.browsing import MARKS, assert_accessible, take_pictures, wider_than_the_window
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from playwright.sync_api import Page

    from archive.models import Project

pytestmark = MARKS
DAYS = 120
SHARES = {"CT": 5, "MR": 4, "DX": 6, "US": 2, "PT": 1, "SR": 3}
PAGES = {
    "dashboard": "/dashboard/",
    "manage": "/manage/",
    "projects": "/manage/projects/",
    "project": "/manage/projects/chest-clinic/",
    "roles": "/manage/roles/",
    "queues": "/manage/queues/",
    "storage": "/manage/storage/",
    "notices": "/notices/",
    "notice-settings": "/notices/settings/",
}


def _count_days(project: Project) -> None:
    """Quiet weekends, and slowly more from week to week."""
    today = timezone.localdate()
    for back in range(DAYS):
        day = today - timedelta(days=back)
        busy = (40 - back / 5) * (0.35 if day.weekday() > 4 else 1) * (1 + (day.day % 5) / 12)
        for where in (WHOLE_ARCHIVE, project.pk):
            found = {modality: int(busy * share / 4) for modality, share in SHARES.items()}
            for modality, studies in {**found, "": sum(found.values()) * 3 // 4}.items():
                DailyCount.objects.create(
                    day=day,
                    project_id=where,
                    modality=modality,
                    studies=studies,
                    series=studies * 4,
                    instances=studies * 310,
                    stored_bytes=studies * 160_000_000,
                )


def _fill_disk() -> None:
    now = timezone.now()
    for back in range(60):
        used = 2_600_000_000_000 - back * 13_000_000_000
        row = StorageSample.objects.create(
            free_bytes=4_000_000_000_000 - used,
            total_bytes=4_000_000_000_000,
            blob_bytes=used - 40_000_000_000,
            database_bytes=11_500_000_000,
            instances=5_000_000,
        )
        StorageSample.objects.filter(pk=row.pk).update(taken_at=now - timedelta(days=back))


def _leave_work(project: Project) -> None:
    peer = Peer.objects.create(ae_title="PACS", address="127.0.0.1", port=1)
    now = timezone.now()
    for state in ("waiting", "sending", "failed"):
        (instance,) = store_datasets(make_dataset(), project=project)
        Forward.objects.create(
            peer=peer,
            instance=instance,
            study=instance.series.study,
            state=state,
            not_before=now,
            lease_until=now - timedelta(minutes=3) if state == "sending" else None,
        )
    OutboxEvent.objects.update(published_at=now)


@pytest.fixture
def page(
    archive_admin: User,
    radiologist: User,
    colleague: User,
    project: Project,
    sign_in: Callable[[str], Page],
) -> Page:
    _count_days(project)
    _fill_disk()
    _leave_work(project)
    Membership.objects.filter(user=colleague).update(expires_at=timezone.now() + timedelta(days=30))
    tell([archive_admin], "job", "An export of 12 studies is ready", "/dashboard/")
    tell([archive_admin], "quarantine", "Files were refused", "/quarantine/")
    return sign_in("archive_admin")


def test_administrators_pages_are_drawn_accessible_and_work(
    page: Page, live_server, complaints: list[str], radiologist: User
) -> None:
    expect(page.locator(".bell .count")).to_have_text("2")
    for name, path in PAGES.items():
        page.goto(live_server.url + path)
        if name in {"dashboard", "storage"}:
            expect(page.locator("canvas").first).to_be_visible()
            page.wait_for_load_state("networkidle")
        if name == "queues":
            expect(page.get_by_text("No worker answered")).to_be_visible()
        take_pictures(page, f"admin-{name}")
        assert_accessible(page)
        assert_fits_a_phone(page)
    _read_the_news(page, live_server.url)
    _give_and_take_a_role(page, live_server.url)
    _retry(page, live_server.url)
    assert complaints == []


def assert_fits_a_phone(page: Page) -> None:
    """Tables scroll within their cards there, the page does not."""
    before = page.viewport_size
    page.set_viewport_size({"width": 420, "height": 900})
    assert wider_than_the_window(page) == []
    page.set_viewport_size(before)


def _read_the_news(page: Page, base: str) -> None:
    page.goto(f"{base}/notices/")
    page.get_by_role("button", name="An export of 12 studies is ready").click()
    page.wait_for_url("**/dashboard/")
    expect(page.locator(".bell .count")).to_have_text("1")
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("cell").first).to_be_visible()


def _give_and_take_a_role(page: Page, base: str) -> None:
    page.goto(f"{base}/manage/projects/chest-clinic/")
    page.get_by_label("User name").fill("radiologist")
    page.get_by_label("Role").select_option("annotator")
    page.get_by_role("button", name="Give").click()
    row = page.get_by_role("row").filter(has_text="Annotator")
    expect(row).to_be_visible()
    row.get_by_text("Take away").click()
    row.get_by_role("button", name="Take the role away").click()
    expect(page.get_by_role("row").filter(has_text="Annotator")).to_have_count(0)


def _retry(page: Page, base: str) -> None:
    page.goto(f"{base}/manage/queues/")
    page.get_by_role("button", name="Retry").first.click()
    expect(page.get_by_text("2 are on their way again.")).to_be_visible()
