"""Labelling pages and the study's panel of labels."""

import pytest

from archive.audit.types import Asker
from archive.models import Series
from inference.models import Label
from inference.training.labelling import NewLabel, import_labels
from inference.training.labels import study_labels
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.archive import SeriesFactory

pytestmark = pytest.mark.django_db
PAGE = "/worklist/labelling/"


@pytest.fixture
def series(project):
    space = make_space(is_default=True)
    return [make_case(space, [direction(0.3 * place)], projects=[project]) for place in range(3)]


def page_of(client, address=PAGE, **query):
    return client.get(address, query).content.decode()


def test_queue_goes_from_one_series_to_the_next(client, radiologist, series):
    client.force_login(radiologist)
    assert "What a label would teach most" in page_of(client)

    seen = set()
    for _ in series:
        page = client.get(PAGE, {"label_set": "finding"})
        uid = page.context["candidate"].series_uid
        seen.add(uid)
        answer = client.post(
            "/worklist/labels/add/",
            {
                "label_set": "finding",
                "label": "mass",
                "series": uid,
                "is_replacing": "1",
                "next": page.context["back_url"],
            },
        )
        assert answer.url.startswith(f"{PAGE}?label_set=finding")

    assert seen == {one.series_instance_uid for one in series}
    assert Label.objects.filter(created_by=radiologist).count() == 3
    assert "Nothing more to label" in page_of(client, label_set="finding")


def test_skipped_series_is_passed_over(client, radiologist, series):
    client.force_login(radiologist)

    first = client.get(PAGE, {"label_set": "finding"})
    second = client.get(first.context["skip_url"])

    assert first.context["candidate"] != second.context["candidate"]


def test_region_of_an_image_is_labelled(client, radiologist, series):
    client.force_login(radiologist)
    image = series[0].instances.first()
    study_uid, uid = series[0].study.study_instance_uid, series[0].series_instance_uid
    address = f"/worklist/labels/{study_uid}/{uid}/"
    assert "Region" in page_of(client, address)

    client.post(
        "/worklist/labels/add/",
        {
            "label_set": "finding",
            "label": "nodule",
            "series": uid,
            "instance": image.sop_instance_uid,
            "frame": "1",
            "region": "2,3,10,12",
            "next": address,
        },
    )

    label = Label.objects.get()
    assert (label.instance, label.region, label.frame) == (image, [2, 3, 10, 12], 1)
    page = page_of(client, address)
    assert 'data-region-of="2,3,10,12"' in page
    assert f"{address}?instance={image.sop_instance_uid}&amp;frame=1&amp;region=2,3,10,12" in page


def test_panel_of_a_study_shows_labels_and_takes_one(client, radiologist, colleague, series):
    study = series[0].study
    import_labels(
        asker=Asker(door="command"),
        labels=[NewLabel(label_set="finding", label="mass", study=study.study_instance_uid)],
    )
    address = f"/studies/{study.study_instance_uid}/"
    client.force_login(colleague)
    page = page_of(client, address)
    assert "mass" in page
    assert "Label the study" not in page

    client.force_login(radiologist)
    assert "Label the study" in page_of(client, address)
    answer = client.post(
        "/worklist/labels/add/",
        {
            "label_set": "finding",
            "label": "cyst",
            "study": study.study_instance_uid,
            "next": address,
        },
    )
    assert answer.url == address
    own = Label.objects.get(label="cyst")
    assert f"/worklist/labels/{own.pk}/remove/" in page_of(client, address)
    client.post(f"/worklist/labels/{own.pk}/remove/", {"next": address})
    assert not Label.objects.filter(label="cyst").exists()


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "x"])
def test_forms_lead_nowhere_else(client, radiologist, series, target):
    client.force_login(radiologist)

    answer = client.post("/worklist/labels/add/", {"next": target})

    assert answer.url == PAGE


def test_who_only_looks_or_is_outside_labels_nothing(client, colleague, outsider, series):
    client.force_login(colleague)
    assert client.get(PAGE).status_code == 403
    body = {"label_set": "a", "label": "b", "series": series[0].series_instance_uid}
    assert client.post("/worklist/labels/add/", body).status_code == 403
    client.force_login(outsider)
    assert client.post("/worklist/labels/add/", body).status_code == 404
    study_uid, uid = series[0].study.study_instance_uid, series[0].series_instance_uid
    assert client.get(f"/worklist/labels/{study_uid}/{uid}/").status_code == 404
    assert not Label.objects.exists()


def label_of(series, reader):
    return Label.objects.create(
        study=series.study, series=series, label_set="finding", label="odd", created_by=reader
    )


@pytest.mark.parametrize("state", ["deleted", "trial"])
def test_panel_of_a_study_keeps_still_about_hidden_series(client, radiologist, series, state):
    label_of(series[0], radiologist)
    shown = SeriesFactory(study=series[0].study)
    label_of(shown, radiologist)
    client.force_login(radiologist)
    address = f"/studies/{shown.study.study_instance_uid}/"
    both = page_of(client, address).count("/worklist/labels/")

    Series.objects.filter(pk=series[0].pk).update(withheld=state)

    assert page_of(client, address).count("/worklist/labels/") < both
    found = study_labels(radiologist, shown.study.study_instance_uid).labels
    assert [one.series_uid for one in found] == [shown.series_instance_uid]


def test_a_reviewer_who_names_a_series_on_trial_sees_its_labels(client, radiologist, series):
    Series.objects.filter(pk=series[0].pk).update(withheld="trial")
    label = label_of(series[0], radiologist)
    Label.objects.create(study=series[0].study, label_set="finding", label="whole")
    other = SeriesFactory(study=series[0].study)
    label_of(other, radiologist)
    client.force_login(radiologist)
    uids = series[0].study.study_instance_uid, series[0].series_instance_uid

    page = page_of(client, f"/worklist/labels/{'/'.join(uids)}/")

    assert f"/worklist/labels/{label.pk}/remove/" in page
    found = study_labels(radiologist, uids[0], series_uid=uids[1]).labels
    assert [one.series_uid for one in found] == [uids[1], ""]


def test_who_may_not_review_sees_no_labels_of_a_series_on_trial(colleague, series, radiologist):
    label_of(series[0], radiologist)
    uids = series[0].study.study_instance_uid, series[0].series_instance_uid
    assert study_labels(colleague, uids[0], series_uid=uids[1]).labels

    Series.objects.filter(pk=series[0].pk).update(withheld="trial")

    assert study_labels(colleague, uids[0], series_uid=uids[1]).labels == ()
