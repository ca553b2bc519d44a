"""Questions to the search as a clinician asks them, and what each may not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from archive.audit.types import Asker
from archive.errors import NotVisibleError
from archive.models import AuditEvent, Patient
from inference.errors import ModelUnavailableError
from inference.models import Label
from inference.similarity.errors import (
    InvalidQueryError,
    NotEmbeddedError,
    UnknownSpaceError,
)
from inference.similarity.services import search_similar
from inference.similarity.spaces.writing import store_embeddings
from inference.similarity.types import (
    Filters,
    InstanceVector,
    Level,
    PatientScope,
    Region,
    SimilarQuery,
)
from tests.builders.vectors import direction, make_case
from tests.factories.archive import (
    InstanceFactory,
    PatientFactory,
    SeriesFactory,
    StudyFactory,
)

if TYPE_CHECKING:
    from archive.models import Project, Series
    from inference.models import EmbeddingSpace

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(space: EmbeddingSpace, project: Project) -> Series:
    """The query: one image in direction 0."""
    return make_case(
        space, [direction(0)], projects=[project], modality="CT", body_part_examined="CHEST"
    )


def case(space: EmbeddingSpace, project: Project, angle: float, **options: object) -> Series:
    return make_case(space, [direction(angle)], projects=[project], **options)


def found(answer: object) -> list[str]:
    return [result.series_uid for result in answer.results]


def test_empty_archive_beside_the_query_answers_nothing(radiologist, asked):
    answer = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid))

    assert answer.results == ()
    assert answer.exact
    assert answer.took_ms >= 0


def test_without_any_space_the_field_is_named(radiologist):
    with pytest.raises(UnknownSpaceError) as caught:
        search_similar(radiologist, SimilarQuery(series="1.2.3"))

    assert caught.value.field == "space"


def test_results_come_best_first_with_cosine_scores(radiologist, space, project, asked):
    far, near = case(space, project, 1.0), case(space, project, 0.1)

    answer = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid))

    assert found(answer) == [near.series_instance_uid, far.series_instance_uid]
    assert [result.score for result in answer.results] == pytest.approx(
        [np.cos(0.1), np.cos(1.0)], abs=2e-3
    )
    assert {result.score_kind for result in answer.results} == {"cosine"}
    assert answer.space == space.name


def test_equal_scores_have_one_order(radiologist, space, project, asked):
    twins = [case(space, project, 0.3).series_instance_uid for _ in range(5)]

    answers = [
        found(search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid, k=k)))
        for k in (5, 3, 5)
    ]

    assert answers == [twins, twins[:3], twins]


def test_query_patient_is_left_out_alone_or_among_the_rest(radiologist, space, project, asked):
    own = case(space, project, 0.2, patient=asked.study.patient)
    other = case(space, project, 0.4)
    uids = {}
    for scope in PatientScope:
        query = SimilarQuery(series=asked.series_instance_uid, patient=scope, fold=False)
        uids[scope] = found(search_similar(radiologist, query))

    assert uids[PatientScope.EXCLUDE] == [other.series_instance_uid]
    assert uids[PatientScope.ONLY] == [own.series_instance_uid]
    assert uids[PatientScope.ANY] == [own.series_instance_uid, other.series_instance_uid]


def test_fold_keeps_the_best_of_a_patient_and_counts_the_rest_after_rights(
    radiologist, space, project, other_project, asked
):
    patient = PatientFactory()
    best = case(space, project, 0.1, patient=patient)
    case(space, project, 0.5, patient=patient)
    case(space, other_project, 0.05, patient=patient)  # forbidden, and nearer than all

    answer = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid))

    assert found(answer) == [best.series_instance_uid]
    assert answer.results[0].siblings == 1


def test_filters_narrow_the_siblings_too(radiologist, space, project, asked):
    patient = PatientFactory()
    case(space, project, 0.1, patient=patient, modality="CT")
    case(space, project, 0.2, patient=patient, modality="MR")
    query = SimilarQuery(series=asked.series_instance_uid, filters=Filters(modality=("ct",)))

    (result,) = search_similar(radiologist, query).results

    assert (result.modality, result.siblings) == ("CT", 0)


@pytest.mark.parametrize("field", ["study", "series", "instance", "positive", "negative"])
def test_query_object_outside_the_rights_is_not_there(outsider, asked, field):
    instance = asked.instances.get().sop_instance_uid
    uid = {"study": asked.study.study_instance_uid, "series": asked.series_instance_uid}
    value = uid.get(field, instance if field == "instance" else (instance,))
    query = SimilarQuery(**{field: value})
    if field == "negative":
        query = SimilarQuery(study=asked.study.study_instance_uid, negative=(instance,))

    with pytest.raises(NotVisibleError):
        search_similar(outsider, query)


@pytest.mark.parametrize("field", ["study", "series", "instance"])
def test_query_object_that_nobody_has_is_not_there(radiologist, space, field):
    with pytest.raises(NotVisibleError):
        search_similar(radiologist, SimilarQuery(**{field: "1.2.3.4"}))


def test_forbidden_cases_change_nothing_in_the_answer(
    radiologist, space, project, other_project, asked
):
    for angle in (0.2, 0.4):
        case(space, project, angle)
    query = SimilarQuery(series=asked.series_instance_uid, k=2)
    before = search_similar(radiologist, query).results

    for angle in (0.0, 0.1, 0.3):
        case(space, other_project, angle)

    assert search_similar(radiologist, query).results == before


def test_instance_of_another_series_in_the_path_is_not_there(radiologist, space, project, asked):
    other = case(space, project, 0.1)
    query = SimilarQuery(
        series=other.series_instance_uid, instance=asked.instances.get().sop_instance_uid
    )

    with pytest.raises(NotVisibleError):
        search_similar(radiologist, query)


def test_study_without_vectors_says_so(radiologist, space, project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))

    for query in (
        SimilarQuery(series=series.series_instance_uid),
        SimilarQuery(study=series.study.study_instance_uid),
    ):
        with pytest.raises(NotEmbeddedError):
            search_similar(radiologist, query)


def test_study_query_at_study_level_scores_by_the_nearest_series(
    radiologist, space, project, asked
):
    near = case(space, project, 0.2)
    far_series_of_near = SeriesFactory(study=near.study)
    instance = InstanceFactory(series=far_series_of_near)
    store_embeddings(
        space=space, vectors=[InstanceVector(instance_id=instance.pk, vector=direction(2))]
    )
    middle = case(space, project, 0.6)
    query = SimilarQuery(
        study=asked.study.study_instance_uid, level=Level.STUDY, patient=PatientScope.ANY
    )

    answer = search_similar(radiologist, query)

    assert [result.study_uid for result in answer.results] == [
        near.study.study_instance_uid,
        middle.study.study_instance_uid,
    ]
    assert answer.results[0].score == pytest.approx(np.cos(0.2), abs=2e-3)


def test_instance_level_finds_single_images(radiologist, space, project, asked):
    series = make_case(space, [direction(1.5), direction(0.1)], projects=[project])
    best = series.instances.order_by("pk").last()
    query = SimilarQuery(instance=asked.instances.get().sop_instance_uid, level=Level.INSTANCE)

    (result,) = search_similar(radiologist, query).results

    assert result.instance_uid == best.sop_instance_uid
    assert (result.frame, result.siblings) == (None, 1)
    assert result.thumbnail.endswith(f"/instances/{best.sop_instance_uid}/thumbnail")


def test_frame_level_finds_frames_and_single_frame_images(radiologist, space, project, asked):
    single = case(space, project, 0.2)
    cine = InstanceFactory(
        series=SeriesFactory(study=StudyFactory(projects=[project])), number_of_frames=3
    )
    frames = [
        InstanceVector(instance_id=cine.pk, frame=number, vector=direction(angle))
        for number, angle in ((1, 1.0), (2, 0.1), (3, 1.2))
    ]
    store_embeddings(space=space, vectors=frames)
    query = SimilarQuery(instance=asked.instances.get().sop_instance_uid, level=Level.FRAME)

    first, second = search_similar(radiologist, query).results

    assert (first.instance_uid, first.frame) == (cine.sop_instance_uid, 2)
    assert first.thumbnail.endswith("/frames/2/thumbnail")
    assert (second.series_uid, second.frame) == (single.series_instance_uid, 1)


def test_stored_frame_is_a_query(radiologist, space, project):
    cine = InstanceFactory(
        series=SeriesFactory(study=StudyFactory(projects=[project])), number_of_frames=2
    )
    frames = [
        InstanceVector(instance_id=cine.pk, frame=number, vector=direction(angle))
        for number, angle in ((1, 0.0), (2, 1.0))
    ]
    store_embeddings(space=space, vectors=frames)
    like_first, like_second = case(space, project, 0.0), case(space, project, 1.0)

    for frame, expected in ((1, like_first), (2, like_second)):
        query = SimilarQuery(instance=cine.sop_instance_uid, frame=frame, k=1)
        (result,) = search_similar(radiologist, query).results
        assert result.series_uid == expected.series_instance_uid


def test_positive_example_pulls_and_negative_pushes(radiologist, space, project, asked):
    left, right = case(space, project, 0.5), case(space, project, -0.5)
    like_left = case(space, project, 0.6)
    by_left = SimilarQuery(
        series=asked.series_instance_uid,
        positive=(left.instances.get().sop_instance_uid,),
        negative=(right.instances.get().sop_instance_uid,),
    )

    results = found(search_similar(radiologist, by_left))

    assert results == [left.series_instance_uid, like_left.series_instance_uid]


def test_positives_alone_are_the_query(radiologist, space, project):
    first, second = case(space, project, 0.0), case(space, project, 0.4)
    between = case(space, project, 0.2)
    examples = tuple(one.instances.get().sop_instance_uid for one in (first, second))

    answer = search_similar(radiologist, SimilarQuery(positive=examples))

    assert found(answer) == [between.series_instance_uid]
    assert answer.results[0].score == pytest.approx(1, abs=2e-3)


def test_examples_that_cancel_out_are_refused(radiologist, space, project):
    up, down = case(space, project, 0.0), case(space, project, np.pi)
    examples = tuple(one.instances.get().sop_instance_uid for one in (up, down))

    with pytest.raises(InvalidQueryError):
        search_similar(radiologist, SimilarQuery(positive=examples))


def test_text_that_nothing_says_finds_nothing(radiologist, space, asked):
    assert search_similar(radiologist, SimilarQuery(text="nodule in the left lung")).results == ()


def test_image_without_encoder_on_this_machine_says_so(radiologist, space, png):
    with pytest.raises(ModelUnavailableError):
        search_similar(radiologist, SimilarQuery(image=png))


def test_region_without_encoder_on_this_machine_says_so(radiologist, space, project, tmp_path):
    instance = case(space, project, 0.0).instances.get()
    instance.has_pixel_data = False
    instance.save()
    query = SimilarQuery(instance=instance.sop_instance_uid, region=Region(0, 0, 4, 4))

    from inference.errors import UnsupportedInputError

    with pytest.raises(UnsupportedInputError):
        search_similar(radiologist, query)


def test_explanation_names_what_agrees(radiologist, space, project, asked):
    near = make_case(
        space,
        [direction(1.4), direction(0.05)],
        projects=[project],
        modality="CT",
        body_part_examined="HEAD",
    )
    for study in (asked.study, near.study):
        Label.objects.create(study=study, label_set="findings", label="nodule")
    Label.objects.create(study=near.study, series=near, label_set="quality", label="good")

    (result,) = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid)).results

    closest = near.instances.order_by("pk").last().sop_instance_uid
    assert result.instance_uid == closest
    assert result.labels == ("findings:nodule", "quality:good")
    assert result.explain.agrees == ("modality", "sex")
    assert result.explain.differs == ("body_part",)
    assert result.explain.shared_labels == ("findings:nodule",)
    assert result.explain.best_pair.query_instance_uid == asked.instances.get().sop_instance_uid
    assert result.explain.best_pair.result_instance_uid == closest
    assert result.explain.best_pair.score == pytest.approx(np.cos(0.05), abs=2e-3)
    assert result.thumbnail == (
        f"/dicom-web/studies/{near.study.study_instance_uid}/series/{near.series_instance_uid}"
        f"/instances/{closest}/thumbnail"
    )


def test_explanation_is_left_out_where_not_wanted(radiologist, space, project, asked):
    case(space, project, 0.1)
    query = SimilarQuery(series=asked.series_instance_uid, explain=False)

    assert search_similar(radiologist, query).results[0].explain is None


def test_search_is_audited_without_what_was_asked(radiologist, asked):
    asker = Asker(door="api", user=radiologist)

    search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid), asker=asker)

    event = AuditEvent.objects.get(act="similar")
    assert event.actor_id == radiologist.pk
    assert event.details["results"] == 0


def test_disabled_account_finds_nothing(radiologist, asked):
    radiologist.is_active = False

    with pytest.raises(NotVisibleError):
        search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid))


def test_spaces_are_never_mixed(radiologist, space, project, asked):
    from tests.builders.vectors import make_space

    case(make_space(is_default=False), project, 0.0)

    answer = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid))

    assert answer.results == ()


def test_patients_of_one_name_are_two_patients(radiologist, space, project, asked):
    first = PatientFactory(dicom_patient_id="SAME")
    second = Patient.objects.create(dicom_patient_id="SAME", conflict_of=first)
    for patient in (first, second):
        case(space, project, 0.1, patient=patient)

    answer = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid))

    assert len(answer.results) == 2
