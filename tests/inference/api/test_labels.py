"""Labels over REST: each reader's own, listed, taken back."""

import json

import pytest

from archive.models import Instance, Series
from inference.models import Label
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/labels"


@pytest.fixture
def image(project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    return InstanceFactory(series=series, rows=64, columns=64)


def post(client, *labels):
    return client.post(URL, json.dumps(labels), content_type="application/json")


def test_region_is_labelled_listed_and_taken_back(client, image, radiologist):
    label = {
        "instance": image.sop_instance_uid,
        "label_set": "finding",
        "label": "nodule",
        "region": [1, 2, 30, 40],
    }

    assert post(client, label).json() == {"created": 1, "existing": 0}

    study = image.series.study.study_instance_uid
    (found,) = client.get(URL, {"study": study}).json()["results"]
    assert found["region"] == [1, 2, 30, 40]
    assert (found["frame"], found["reader"], found["source"]) == (1, "radiologist", "person")
    assert found["series"] == image.series.series_instance_uid
    assert client.delete(f"{URL}/{found['id']}").status_code == 204
    assert client.delete(f"{URL}/{found['id']}").status_code == 404
    assert not Label.objects.exists()


@pytest.mark.parametrize(
    "where",
    [
        {"region": [0, 0, 65, 1]},
        {"region": [0, 0]},
        {"region": "all"},
        {"frame": 9},
        {"reader": "x"},
    ],
)
def test_what_is_no_region_is_refused(client, image, where):
    label = {"instance": image.sop_instance_uid, "label_set": "a", "label": "b", **where}

    assert post(client, label).status_code == 400
    assert not Label.objects.exists()


def test_other_projects_labels_are_absent(client, image, outsider):
    post(client, {"instance": image.sop_instance_uid, "label_set": "a", "label": "b"})
    label = Label.objects.get()
    client.force_login(outsider)

    study = image.series.study.study_instance_uid
    assert client.get(URL, {"study": study}).status_code == 404
    assert client.delete(f"{URL}/{label.pk}").status_code == 404
    assert Label.objects.exists()


def test_another_readers_label_stays(client, image, archive_admin, radiologist):
    Label.objects.create(
        study=image.series.study, label_set="a", label="b", created_by=archive_admin
    )

    assert client.delete(f"{URL}/{Label.objects.get().pk}").status_code == 403
    client.force_login(archive_admin)
    assert client.delete(f"{URL}/{Label.objects.get().pk}").status_code == 204


def labelled(client, study):
    answer = client.get(URL, {"study": study.study_instance_uid})
    return [one["label"] for one in answer.json()["results"]]


@pytest.mark.parametrize("person", ["radiologist", "archive_admin", "colleague"])
@pytest.mark.parametrize("state", ["deleted", "trial"])
def test_labels_of_what_is_deleted_or_on_trial_are_not_listed(
    client, request, image, state, person
):
    study = image.series.study
    hidden = InstanceFactory(series=SeriesFactory(study=study))
    Label.objects.create(study=study, label_set="a", label="study")
    for one, name in ((image, "shown"), (hidden, "hidden")):
        Label.objects.create(study=study, series=one.series, label_set="a", label=name)
        Label.objects.create(study=study, instance=one, label_set="b", label=f"{name} image")
    client.force_login(request.getfixturevalue(person))
    assert len(labelled(client, study)) == 5

    Series.objects.filter(pk=hidden.series_id).update(withheld=state)

    assert labelled(client, study) == ["shown", "study", "shown image"]

    Series.objects.filter(pk=hidden.series_id).update(withheld="")
    Instance.objects.filter(pk=hidden.pk).update(withheld="deleted")

    assert labelled(client, study) == ["hidden", "shown", "study", "shown image"]
