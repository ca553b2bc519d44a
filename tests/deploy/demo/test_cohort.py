from collections import Counter

from archive.dicom.uids import is_valid_uid
from deploy.demo.cohort import true_labels, visits
from deploy.demo.people import PEOPLE


def test_the_plan_is_large_enough_to_show_retrieval() -> None:
    plan = visits()
    assert len(plan) >= 60
    assert len({visit.person.patient_id for visit in plan}) >= 25
    assert {visit.modality for visit in plan} == {"CT", "MR", "CR", "DX"}
    several = Counter(visit.person.patient_id for visit in plan)
    assert sum(count >= 2 for count in several.values()) >= 20


def test_identifiers_are_valid_and_unique() -> None:
    plan = visits()
    assert len({visit.study_instance_uid for visit in plan}) == len(plan)
    assert len({visit.accession_number for visit in plan}) == len(plan)
    assert all(is_valid_uid(visit.study_instance_uid) for visit in plan)
    assert all(len(visit.accession_number) <= 16 for visit in plan)


def test_patients_are_born_before_they_are_examined() -> None:
    assert all(18 <= visit.person.age_on(visit.date) <= 95 for visit in visits())


def test_names_come_in_many_scripts() -> None:
    text = "".join(person.name for person in PEOPLE)
    for first, last in (("぀", "ヿ"), ("一", "鿿"), ("가", "힣"), ("Ѐ", "ӿ"), ("؀", "ۿ")):
        assert any(first <= letter <= last for letter in text)


def test_every_study_has_three_labels() -> None:
    counts = Counter(label.study_instance_uid for label in true_labels())
    assert set(counts.values()) == {3}
    assert len(counts) == len(visits())


def test_findings_that_can_be_compared_occur_more_than_once() -> None:
    findings = Counter((visit.kind, visit.finding) for visit in visits())
    assert sum(count >= 2 for count in findings.values()) >= 12
