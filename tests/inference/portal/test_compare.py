"""Images side by side: who may see them, and what is said to agree."""

import pytest

from archive.models import AuditEvent
from inference.models import Label
from inference.portal.compare import MAX_VIEWPORTS
from tests.builders.vectors import direction, make_case, make_space

pytestmark = pytest.mark.django_db
PAGE = "/similar/compare/"


@pytest.fixture
def cases(project):
    space = make_space()
    return [
        make_case(
            space,
            [direction(0.1 * number)],
            projects=[project],
            modality="CT",
            body_part_examined="CHEST" if number < 2 else "HEAD",
            series_description=f"Series {number}",
        )
        for number in range(5)
    ]


def _uid(series):
    return series.instances.get().sop_instance_uid


def _text(response):
    return response.content.decode()


def test_query_and_hits_stand_beside_each_other(client, radiologist, cases):
    client.force_login(radiologist)

    text = _text(
        client.get(PAGE, {"ref": _uid(cases[0]), "with": [_uid(cases[1]), _uid(cases[2])]})
    )

    assert text.count("data-port") == 3
    assert text.index("Series 0") < text.index("Series 1") < text.index("Series 2")
    assert "Your case" in text
    assert "Soft tissue" in text


def test_what_agrees_with_the_first_is_marked(client, radiologist, cases):
    for series in cases[:2]:
        Label.objects.create(study=series.study, label_set="finding", label="nodule")
    client.force_login(radiologist)

    response = client.get(PAGE, {"ref": _uid(cases[0]), "with": [_uid(cases[1]), _uid(cases[2])]})

    rows = {row.name: row for row in response.context["rows"]}
    assert [cell.is_shared for cell in rows["Body part"].cells] == [False, True, False]
    (labels,) = response.context["chip_rows"]
    assert [[cell.is_shared for cell in cells] for cells in labels.cells] == [[False], [True], []]


def test_hits_alone_are_compared_without_a_case(client, radiologist, cases):
    client.force_login(radiologist)

    text = _text(client.get(PAGE, {"with": [_uid(cases[1]), _uid(cases[2])]}))

    assert text.count("data-port") == 2
    assert "Why these two?</button>" not in text


def test_there_are_four_viewports_at_most_and_no_image_twice(client, radiologist, cases):
    client.force_login(radiologist)
    uids = [_uid(series) for series in cases]

    many = _text(client.get(PAGE, {"ref": uids[0], "with": uids}))

    assert many.count("data-port") == MAX_VIEWPORTS


def test_frame_of_the_address_is_where_a_viewport_opens(client, radiologist, cases):
    client.force_login(radiologist)

    response = client.get(PAGE, {"ref": f"{_uid(cases[0])}:3", "with": f"{_uid(cases[1])}:x"})

    starts = [view["start"] for view in response.context["views"]]
    assert [start["frame"] for start in starts] == [3, None]


@pytest.mark.parametrize("query", ["", "ref=1.2.3", "ref=nonsense", "with=1.2.3&with=1.2.4"])
def test_unknown_images_are_not_there(client, radiologist, cases, query):
    client.force_login(radiologist)

    assert client.get(f"{PAGE}?{query}").status_code == 404


def test_one_forbidden_image_hides_them_all(client, radiologist, other_project, cases):
    hidden = make_case(make_space(is_default=False), [direction(0)], projects=[other_project])
    client.force_login(radiologist)

    answer = client.get(PAGE, {"ref": _uid(cases[0]), "with": _uid(hidden)})

    assert answer.status_code == 404


def test_studies_side_by_side_are_on_record_once_in_a_while(client, radiologist, cases):
    client.force_login(radiologist)

    for _ in range(2):
        client.get(PAGE, {"ref": _uid(cases[0]), "with": [_uid(cases[1])]})

    events = AuditEvent.objects.filter(act="compare", actor=radiologist)
    wanted = {series.study.study_instance_uid for series in cases[:2]}
    assert events.count() == 2
    assert set(events.values_list("study_instance_uid", flat=True)) == wanted


def test_comparison_that_is_refused_is_no_access_on_record(client, outsider, cases):
    client.force_login(outsider)

    client.get(PAGE, {"ref": _uid(cases[0]), "with": [_uid(cases[1])]})

    assert not AuditEvent.objects.filter(act="compare").exists()
