"""The page of agreement."""

from datetime import timedelta

import pytest
from django.utils import timezone

from inference.models import Label, ResultReview
from inference.review.agreement import agreement_over_time
from inference.review.services import review_result
from inference.review.types import Correction

pytestmark = pytest.mark.django_db
PAGE = "/worklist/agreement/"


def test_page_says_when_there_is_nothing(client, radiologist, colleague):
    client.force_login(radiologist)
    page = client.get(PAGE).content.decode()
    assert "Nobody has reviewed a result yet" in page
    assert "No labels yet" in page
    client.force_login(colleague)
    assert client.get(PAGE).status_code == 403


def test_agreement_with_a_model_over_time(client, radiologist, outsider, reviewer, make_result):
    runs = [make_result(number) for number in range(1, 4)]
    review_result(asker=reviewer, run_id=runs[0].pk, decision="rejected", reason="No")
    review_result(asker=reviewer, run_id=runs[0].pk, decision="accepted")
    wrong = runs[1].findings.order_by("pk").first()
    review_result(
        asker=reviewer,
        run_id=runs[1].pk,
        decision="edited",
        corrections=[Correction(finding=wrong.pk, label="scar")],
    )
    review_result(asker=reviewer, run_id=runs[2].pk, decision="rejected", reason="No")
    old = ResultReview.objects.filter(run=runs[2])
    old.update(created_at=timezone.now() - timedelta(days=30))

    (found,) = agreement_over_time(radiologist).models

    total = found.total
    assert (total.accepted, total.edited, total.rejected) == (1, 1, 1)
    assert (total.agreed, total.statements) == (3, 6)
    assert total.share == pytest.approx(0.5)
    assert [tally.results for tally in found.periods.values()] == [1, 2]
    assert found.statements["pneumonia"].agreed == 1
    assert found.statements["effusion"].agreed == 2
    assert agreement_over_time(outsider).models == ()

    client.force_login(radiologist)
    page = client.get(PAGE).content.decode()
    assert "3 of 6 statements" in page
    assert "<polyline" in page


def test_readers_are_compared_on_the_page(client, radiologist, archive_admin, make_result):
    for number in range(1, 4):
        run = make_result(number)
        for user in (radiologist, archive_admin):
            Label.objects.create(
                study=run.study,
                series=run.series,
                label_set="finding",
                label="mass" if number % 2 else "none",
                created_by=user,
            )
    client.force_login(radiologist)

    page = client.get(PAGE, {"label_set": "finding"}).content.decode()

    assert "κ 1.00" in page
    assert "almost perfect" in page
