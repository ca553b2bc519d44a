"""The similar page: what it shows, and to whom."""

import io

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from inference.models import Calibration, EmbeddingSpace, Label
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
PAGE = "/similar/"
PICTURE = "/similar/picture/"


@pytest.fixture
def space(db):
    return make_space()


@pytest.fixture
def asked(space, project):
    return make_case(
        space,
        [direction(0)],
        projects=[project],
        patient=PatientFactory(patient_name="Query^Case"),
        modality="CT",
        body_part_examined="CHEST",
    )


@pytest.fixture(scope="module")
def png():
    ramp = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))
    stream = io.BytesIO()
    Image.fromarray(ramp).save(stream, "PNG")
    return stream.getvalue()


def _text(response):
    return response.content.decode()


def _ask(client, series, **query):
    return _text(client.get(PAGE, {"series": series.series_instance_uid, **query}))


def test_page_of_an_empty_archive_leads_to_the_upload(client, radiologist):
    client.force_login(radiologist)

    assert "No studies in your projects yet" in _text(client.get(PAGE))


def test_page_without_a_case_says_how_to_choose_one(client, radiologist, project):
    SeriesFactory(study=StudyFactory(projects=[project], modalities_in_study=["CT"]), modality="CT")
    client.force_login(radiologist)

    assert "Which case shall we find the twin of?" in _text(client.get(PAGE))


def test_page_shows_the_case_and_its_twins_best_first(client, radiologist, space, project, asked):
    far = make_case(space, [direction(1.2)], projects=[project], series_description="Far one")
    near = make_case(space, [direction(0.1)], projects=[project], series_description="Near one")
    client.force_login(radiologist)

    text = _ask(client, asked)

    assert "Query, Case" in text
    assert "0.995" in text
    assert text.index("Near one") < text.index("Far one")
    for series in (near, far):
        assert f"/studies/{series.study.study_instance_uid}/" in text
        assert f"/series/{series.series_instance_uid}/" in text
    assert "2 cases" in text
    assert "of other patients" in text
    assert "Small findings barely move the score" in text


def test_same_patient_is_left_out_until_asked_for(client, radiologist, space, project, asked):
    make_case(
        space,
        [direction(0.1)],
        projects=[project],
        patient=asked.study.patient,
        series_description="Prior of the same",
    )
    client.force_login(radiologist)

    assert "Prior of the same" not in _ask(client, asked)
    assert "Prior of the same" in _ask(client, asked, patient="any")


def test_filters_narrow_the_grid(client, radiologist, space, project, asked):
    for modality in ("CT", "MR"):
        make_case(
            space,
            [direction(0.1)],
            projects=[project],
            modality=modality,
            series_description=f"Twin on {modality}",
        )
    client.force_login(radiologist)

    text = _ask(client, asked, modality="MR")

    assert "Twin on MR" in text
    assert "Twin on CT" not in text


def test_cases_outside_the_rights_are_not_among_the_twins(
    client, radiologist, space, other_project, asked
):
    make_case(space, [direction(0.01)], projects=[other_project], series_description="Elsewhere")
    client.force_login(radiologist)

    text = _ask(client, asked)

    assert "Elsewhere" not in text
    assert "No other case fits these filters" in text


def test_outsider_gets_404_for_the_query_case(client, outsider, asked):
    client.force_login(outsider)

    assert client.get(PAGE, {"series": asked.series_instance_uid}).status_code == 404


def test_stranger_is_sent_to_sign_in(client, asked):
    response = client.get(PAGE, {"series": asked.series_instance_uid})

    assert response.status_code == 302
    assert "/login/" in response["Location"]


def test_labels_are_shown(client, radiologist, space, project, asked):
    twin = make_case(space, [direction(0.1)], projects=[project])
    Label.objects.create(study=twin.study, series=twin, label_set="finding", label="lung nodule")
    client.force_login(radiologist)

    assert "lung nodule" in _ask(client, asked)


def test_htmx_gets_the_grid_alone(client, radiologist, asked):
    client.force_login(radiologist)

    response = client.get(
        PAGE, {"series": asked.series_instance_uid}, headers={"HX-Request": "true"}
    )

    assert "<html" not in _text(response)
    assert 'id="similar-results"' in _text(response)


def test_case_without_a_vector_is_asked_again_by_the_page(client, radiologist, space, project):
    waiting = SeriesFactory(study=StudyFactory(projects=[project]))
    client.force_login(radiologist)

    text = _ask(client, waiting)

    assert "Not embedded yet" in text
    assert "every 3s" in text


def test_archive_without_a_model_says_so(client, radiologist, project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    client.force_login(radiologist)

    assert "No embedding model yet" in _ask(client, series)


def test_study_is_a_case_too(client, radiologist, asked):
    client.force_login(radiologist)

    response = client.get(PAGE, {"study": asked.study.study_instance_uid})

    assert response.status_code == 200
    assert "Query, Case" in _text(response)


def test_picture_finds_cases_by_the_real_encoder(
    client, radiologist, project, png, embedder, embedder_path
):
    from inference.pipelines.embedding import preprocess

    space = make_space(dimension=384)
    space.model_version.bundle_path = str(embedder_path)
    space.model_version.save()
    (vector,) = embedder.embed([preprocess(np.asarray(Image.open(io.BytesIO(png))))])
    make_case(space, [vector], projects=[project], series_description="The very same")
    client.force_login(radiologist)

    response = client.post(PICTURE, {"image": SimpleUploadedFile("a.png", png)})

    assert response.status_code == 200
    assert "The very same" in _text(response)
    assert "1.000" in _text(response)


@pytest.mark.parametrize("content", [b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_file_that_is_no_picture_says_so(client, radiologist, space, content):
    client.force_login(radiologist)

    response = client.post(PICTURE, {"image": SimpleUploadedFile("a.png", content)})

    assert response.status_code == 200
    assert "no picture we can read" in _text(response)


def test_no_picture_at_all_says_so(client, radiologist, space):
    client.force_login(radiologist)

    assert "No picture" in _text(client.post(PICTURE))


def test_picture_needs_the_csrf_token_of_the_page(radiologist, space, png):
    client = Client(enforce_csrf_checks=True)
    client.force_login(radiologist)

    refused = client.post(PICTURE, {"image": SimpleUploadedFile("a.png", png)})
    client.get(PAGE)
    token = client.cookies["csrftoken"].value
    allowed = client.post(
        PICTURE,
        {"image": SimpleUploadedFile("a.png", b"x")},
        headers={"X-CSRFToken": token},
    )

    assert (refused.status_code, allowed.status_code) == (403, 200)


def test_picture_is_not_for_strangers(client, png):
    response = client.post(PICTURE, {"image": SimpleUploadedFile("a.png", png)})

    assert response.status_code == 302


def test_each_condition_is_a_chip_that_leads_to_the_page_without_it(
    client, radiologist, space, project, asked
):
    client.force_login(radiologist)

    response = client.get(
        PAGE,
        {
            "series": asked.series_instance_uid,
            "modality": ["CT", "MR"],
            "sex": "F",
            "age_from": "40",
            "attribute": "KVP=120",
            "patient": "any",
        },
    )

    chips = {(chip.name, chip.value): chip.url for chip in response.context["chips"]}
    assert set(chips) == {
        ("Modality", "CT"),
        ("Modality", "MR"),
        ("Sex", "female"),
        ("Age", "from 40"),
        ("KVP", "120"),
        ("Patients", "everyone"),
    }
    left = chips["Modality", "CT"]
    assert "modality=MR" in left
    assert "modality=CT" not in left
    assert "age_from" not in chips["Age", "from 40"]


def test_hits_offer_thumbs_that_know_the_question(client, radiologist, space, project, asked):
    twin = make_case(space, [direction(0.1)], projects=[project])
    client.force_login(radiologist)

    text = _ask(client, asked, modality="CT")

    uid = twin.instances.get().sop_instance_uid
    assert f'value="{uid}"' in text
    assert f"series={asked.series_instance_uid}&amp;modality=CT" in text


def test_nothing_close_is_said_before_the_grid(client, radiologist, space, project, asked):
    make_case(space, [direction(0.5)], projects=[project], modality="CT")
    Calibration.objects.create(
        space=space,
        level="series",
        cut=0.99,
        nearest_quantiles=[0.0] * 101,
        number_of_objects=100,
    )
    client.force_login(radiologist)

    text = _ask(client, asked)

    assert "Nothing in the archive is close to this" in text
    assert "not close" in text
    assert "0 close" in text


def test_what_lies_below_the_cut_stands_behind_a_line(client, radiologist, space, project, asked):
    for angle in (0.05, 0.9):
        make_case(space, [direction(angle)], projects=[project], modality="CT")
    Calibration.objects.create(
        space=space,
        level="series",
        cut=0.9,
        nearest_quantiles=[0.0] * 101,
        number_of_objects=100,
    )
    client.force_login(radiologist)

    text = _ask(client, asked)

    assert "1 close" in text
    assert text.count("grid-divider") == 1


def test_bad_region_is_said_and_the_case_stays(client, radiologist, asked):
    client.force_login(radiologist)
    uid = asked.instances.get().sop_instance_uid

    response = client.get(PAGE, {"instance": uid, "region": "0,0,99999,99999"})

    assert response.status_code == 200
    assert "Query, Case" in _text(response)
    assert response.context["problem"].title


def test_filters_suggest_what_the_askers_cases_carry(client, radiologist, asked):
    Label.objects.create(study=asked.study, label_set="finding", label="nodule")
    client.force_login(radiologist)

    text = _text(client.get("/similar/facets/"))

    assert "finding:nodule" in text
    assert "chest-clinic" in text


def test_stage_data_names_every_frame_and_where_to_begin(client, radiologist, asked):
    client.force_login(radiologist)
    uid = asked.instances.get().sop_instance_uid

    stage = client.get(PAGE, {"instance": uid, "region": "1,2,30,40"}).context["stage"]

    assert [one["uid"] for one in stage["instances"]] == [uid]
    assert stage["start"] == {"instance": uid, "frame": None}
    assert stage["region"] == "1,2,30,40"


def test_a_space_that_does_not_answer_is_said_and_stays_chosen(client, radiologist, asked):
    EmbeddingSpace.objects.update(state="registered", is_default=False, name="waiting")
    client.force_login(radiologist)

    text = _ask(client, asked, space="waiting")

    assert "This space is not ready" in text
    assert '<option value="waiting" selected>' in text


def test_an_unknown_space_is_said(client, radiologist, asked):
    client.force_login(radiologist)

    assert "There is no such space" in _ask(client, asked, space="nowhere")
