"""The review worklist's pages."""

import pytest

from inference.models import ResultReview

pytestmark = pytest.mark.django_db
PAGE = "/worklist/review/"


def page_of(client, address=PAGE, **query):
    return client.get(address, query).content.decode()


def test_list_shows_what_waits(client, radiologist, model_result):
    client.force_login(radiologist)

    page = page_of(client)

    assert "Pneumonia 81 %" in page
    assert "CASE1" in page.upper()
    assert f"{PAGE}{model_result.pk}/" in page
    assert "Nothing waits for you" in page_of(client, model="another")


def test_bar_leads_reviewers_there_and_nobody_else(client, radiologist, colleague, model_result):
    client.force_login(radiologist)
    assert 'data-place="worklist:review-list"' in page_of(client, "/studies/")
    client.force_login(colleague)
    assert 'data-place="worklist:review-list"' not in page_of(client, "/studies/")
    assert client.get(PAGE).status_code == 403
    assert client.get(f"{PAGE}{model_result.pk}/").status_code == 404
    answer = client.post(f"{PAGE}{model_result.pk}/decide/", {"decision": "accepted"})
    assert answer.status_code == 404


def test_detail_shows_findings_beside_the_images(client, radiologist, model_result):
    client.force_login(radiologist)

    page = page_of(client, f"{PAGE}{model_result.pk}/")

    assert "viewer-data" in page
    assert "1.2.3.1.1.1" in page
    assert "81 %" in page
    assert "Not for diagnostic use" in page


def test_what_the_images_say_otherwise_is_told(client, radiologist, make_result):
    run = make_result()
    run.series.body_part_examined = "ABDOMEN"
    run.series.save()
    run.findings.create(
        series=run.series, kind="classification", name="body_part", label="BRAIN",
        probability=0.97, tracking_uid="1.2.3.99",
    )  # fmt: skip
    client.force_login(radiologist)

    listed = page_of(client)
    opened = page_of(client, f"{PAGE}{run.pk}/")

    assert "Brain 97 % (DICOM says Abdomen)" in listed
    assert listed.count("DICOM says") == 1
    assert opened.count("DICOM says Abdomen") == 1


def test_decision_leads_to_the_next_result_and_then_back_to_the_list(
    client, radiologist, make_result
):
    one, other = make_result(1), make_result(2)
    client.force_login(radiologist)

    answer = client.post(
        f"{PAGE}{one.pk}/decide/?model=chest-head", {"decision": "accepted", "last_review": "0"}
    )
    assert answer.url == f"{PAGE}{other.pk}/?model=chest-head"

    answer = client.post(f"{answer.url}", {})
    assert answer.status_code == 405
    answer = client.post(
        f"{PAGE}{other.pk}/decide/?model=chest-head",
        {"decision": "rejected", "reason": "Artefact", "last_review": "0"},
    )
    assert answer.url == f"{PAGE}?model=chest-head"
    assert "Artefact" in page_of(client, f"{PAGE}{other.pk}/")
    assert ResultReview.objects.count() == 2


def test_corrections_are_read_from_the_fields(client, radiologist, model_result):
    client.force_login(radiologist)
    wrong, gone = model_result.findings.order_by("pk")

    answer = client.post(
        f"{PAGE}{model_result.pk}/decide/",
        {
            "decision": "edited",
            f"label-{wrong.pk}": " atelectasis ",
            f"label-{gone.pk}": "",
            f"removed-{gone.pk}": "1",
        },
    )

    assert answer.status_code == 302
    review = ResultReview.objects.get()
    assert [one["label"] for one in review.changes] == ["atelectasis", ""]
    assert [one["is_removed"] for one in review.changes] == [False, True]


def test_what_was_typed_stays_when_a_decision_is_refused(client, radiologist, model_result):
    client.force_login(radiologist)
    first = model_result.findings.order_by("pk").first()

    answer = client.post(
        f"{PAGE}{model_result.pk}/decide/",
        {"decision": "edited", f"value-{first.pk}": "wide", f"label-{first.pk}": "scar"},
    )

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "A measurement is a number" in page
    assert 'value="scar"' in page
    assert not ResultReview.objects.exists()
    answer = client.post(f"{PAGE}{model_result.pk}/decide/", {"decision": "rejected"})
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()


@pytest.mark.parametrize("query", ["page=x", "page=99999999", "standing=no", "order=1&study=%00"])
def test_bad_addresses_do_no_harm(client, radiologist, model_result, query):
    client.force_login(radiologist)

    assert client.get(f"{PAGE}?{query}").status_code == 200


def test_list_says_what_it_leaves_out(client, radiologist, make_result):
    plain = make_result(1)
    plain.findings.update(name="modality", label=plain.series.modality)
    make_result(2)
    client.force_login(radiologist)

    page = page_of(client)
    assert "1 more says only what the images are of." in page
    assert f"{PAGE}{plain.pk}/" not in page
    page = page_of(client, scope="all")
    assert f"{PAGE}{plain.pk}/?scope=all" in page
    assert "Leave out what says only" in page
