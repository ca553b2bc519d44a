"""How answers of the search read."""

from inference.portal.presentation import after_colon, telling_labels, viewer_address, viewer_url
from inference.similarity.types import SimilarResult


def test_labels_that_repeat_the_card_are_left_out():
    hit = SimilarResult(
        study_uid="1", series_uid="2", score=1.0, thumbnail="", modality="CT", body_part="CHEST",
        labels=("modality:CT", "body:chest", "finding:nodule"),
    )  # fmt: skip

    assert telling_labels(hit) == ["finding:nodule"]


def test_label_reads_without_its_set():
    assert (after_colon("finding:lung nodule"), after_colon("bare")) == ("lung nodule", "bare")


def test_viewer_opens_at_what_was_found():
    hit = SimilarResult(
        study_uid="1.2", series_uid="1.3", instance_uid="1.4", frame=7, score=1.0, thumbnail=""
    )

    assert viewer_url(hit) == "/studies/1.2/series/1.3/?instance=1.4&frame=7"
    assert viewer_address("1.2", "1.3", "", 7) == "/studies/1.2/series/1.3/"
