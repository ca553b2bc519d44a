"""Labels from reports: stated, negated, doubtful."""

import pytest

from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from inference.models import Label
from inference.training.report_labels import label_from_reports, read_terms, stated_labels
from tests.builders.reports import content_item, make_report
from tests.builders.stored import store_datasets

TERMS = {"effusion": ["pleural effusion", "Pleuraerguss"], "nodule": ["nodule"]}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Small pleural effusion on the left.", {"effusion"}),
        ("No pleural effusion. A nodule in the right upper lobe.", {"nodule"}),
        ("There is no evidence of nodules or pleural effusion", set()),
        ("Possible nodule; pleural effusions both sides", {"effusion"}),
        ("A nodule is not seen.", set()),
        ("Pneumonia without pleural effusion\nNodule, 8 mm", {"nodule"}),
        ("Kein Pleuraerguss. Multiple Nodules.", {"nodule"}),
        ("Pleuraerguß? nodular pattern", {"effusion"}),
        ("", set()),
    ],
)
def test_stated_findings_are_labels_and_denied_ones_are_not(text, labels):
    assert stated_labels([text], TERMS) == labels


def test_a_sentence_ends_with_its_item():
    assert stated_labels(["No nodule", "Pleural effusion"], TERMS) == {"effusion"}


def test_terms_are_read_from_a_file():
    lines = ["label,term\n", "effusion,pleural effusion\n", "effusion,Erguss\n", ",x\n"]

    assert read_terms(lines) == {"effusion": ["pleural effusion", "Erguss"]}
    with pytest.raises(InvalidRequestError, match="columns"):
        read_terms(["name,word\n", "a,b\n"])


@pytest.mark.django_db
def test_studies_are_labelled_by_their_reports(project):
    report = make_report([content_item("TEXT", "Pleural effusion on the right. No nodule.")])
    store_datasets(report, project=project)

    for created, existing in ((1, 0), (0, 1)):
        counts = label_from_reports(asker=Asker(door="command"), label_set="chest", terms=TERMS)
        assert (counts.created, counts.existing) == (created, existing)

    label = Label.objects.get()
    assert (label.label, label.source, label.created_by) == ("effusion", "report", None)
    assert label.study.study_instance_uid == report.StudyInstanceUID
    with pytest.raises(InvalidRequestError, match="no terms"):
        label_from_reports(asker=Asker(door="command"), label_set="chest", terms={})
