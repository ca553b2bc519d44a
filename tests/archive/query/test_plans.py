"""What PostgreSQL makes of every search and of the study list: an index, never the whole table.

Sequential scans are forbidden to the planner, so that a small archive plans as a large one does;
what it can only scan then still shows.
"""

from __future__ import annotations

import datetime
import re
from contextlib import contextmanager

import pytest
from django.db import connection

from archive.models import Instance, Series, Study
from archive.query import worklist
from archive.query.attributes import ATTRIBUTES
from archive.query.find import find
from archive.query.matching import key_condition
from archive.query.selectors import matches
from archive.query.types import Level, MatchingKey, Query
from archive.query.worklist import WorklistFilters, worklist_page
from archive.query.worklist_order import SORT_KEYS
from bench.archive_rows import grow
from tests.archive.query.test_find import received

pytestmark = pytest.mark.django_db

# Those that grow with the archive.
LARGE = "archive_(patient|study|study_projects|series|instance)"


@pytest.fixture
def archive(project):
    with connection.cursor() as cursor:
        grow(cursor, project.pk, first=0, last=40_000)
        cursor.execute("SET LOCAL enable_seqscan = off")


@contextmanager
def statements():
    """Collect what is asked of the large tables."""
    asked = []

    def note(execute, sql, params, many, context):
        if re.search(rf'"?{LARGE}\b', sql):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield asked


def plans(asked):
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(f"EXPLAIN {sql}", params)
            yield "\n".join(row[0] for row in cursor.fetchall())


def scans_a_table(plan):
    """Whether a large table is read from end to end; a count stops at its bound."""
    is_bounded_count = plan.startswith("Aggregate") and "  ->  Limit" in plan
    return not is_bounded_count and re.search(rf"Seq Scan on {LARGE}\b", plan) is not None


def indexed(plan):
    """Columns that the plan's index conditions speak of."""
    conditions = "\n".join(re.findall(r"(?:Index Cond|Recheck Cond): .*", plan))
    return set(re.findall(r"[a-z_]{4,}", conditions))


def keys_of(level):
    study, series = Study.objects.first(), Series.objects.first()
    name = study.patient.patient_name
    if level is Level.STUDY:
        return {
            "StudyDate": ["20200101", "20200101-20200110", "20230101-"],
            "StudyTime": ["0801", "0800-0815"],
            "AccessionNumber": [study.accession_number, "AG1*"],
            "ModalitiesInStudy": ["CT"],
            "ReferringPhysicianName": ["Referrer^77", "Referrer^7*"],
            "PatientName": [name, f"{name[:6]}*", f"{name}=x"],
            "PatientID": [study.patient.dicom_patient_id, "PG0000001*"],
            "StudyInstanceUID": [study.study_instance_uid],
            "StudyID": ["77"],
        }
    if level is Level.SERIES:
        return {
            "Modality": ["CT", "XX"],
            "SeriesInstanceUID": [series.series_instance_uid],
            "SeriesNumber": ["3"],
            "PerformedProcedureStepStartDate": ["20200101"],
            "PerformedProcedureStepStartTime": ["0801"],
            "RequestAttributesSequence.ScheduledProcedureStepID": ["S1"],
            "RequestAttributesSequence.RequestedProcedureID": ["R1"],
        }
    return {
        "SOPClassUID": ["1.2.840.10008.5.1.4.1.1.4"],
        "SOPInstanceUID": [Instance.objects.first().sop_instance_uid],
        "InstanceNumber": ["99"],
    }


COLUMNS = {
    "StudyDate": "study_date",
    "StudyTime": "study_time",
    "AccessionNumber": "accession_number",
    "ModalitiesInStudy": "modalities_in_study",
    "ReferringPhysicianName": "referring_physician_name_search",
    "PatientName": "patient_name_search",
    "PatientID": "dicom_patient_id",
    "StudyInstanceUID": "study_instance_uid",
    "StudyID": "dicom_study_id",
    "Modality": "modality",
    "SeriesInstanceUID": "series_instance_uid",
    "SeriesNumber": "series_number",
    "PerformedProcedureStepStartDate": "performed_procedure_step_start_date",
    "PerformedProcedureStepStartTime": "performed_procedure_step_start_time",
    "RequestAttributesSequence.ScheduledProcedureStepID": "request_attributes",
    "RequestAttributesSequence.RequestedProcedureID": "request_attributes",
    "SOPClassUID": "sop_class_uid",
    "SOPInstanceUID": "sop_instance_uid",
    "InstanceNumber": "instance_number",
}
# In the midst of a text; in an archive as small as a test's, walking is cheaper than these indexes.
INFIXES = {
    "PatientName": "*ansma*",
    "PatientID": "*0012*",
    "AccessionNumber": "*G12*",
    "ReferringPhysicianName": "*errer^77",
    "StudyDescription": "*Thorax*",
}
# What may be cheaper to walk in the order of the answers, if there are enough of them.
WALKED = frozenset({"ModalitiesInStudy", "StudyTime", "Modality"})


def queries():
    for level in (Level.STUDY, Level.SERIES, Level.INSTANCE):
        for keyword, values in keys_of(level).items():
            for value in values:
                yield keyword, Query(level, keys=(MatchingKey(keyword, (value,)),))


@pytest.mark.parametrize("who", ["radiologist", "archive_admin"])
def test_every_required_key_is_looked_up_in_an_index(archive, request, who):
    user = request.getfixturevalue(who)
    for keyword, query in queries():
        with statements() as asked:
            matches(user=user, query=query)

        (plan,) = plans(asked[:1])

        assert not scans_a_table(plan), (query, plan)
        assert COLUMNS[keyword] in indexed(plan) or keyword in WALKED, (query, plan)


def test_an_index_knows_any_part_of_a_text(archive):
    for keyword, value in INFIXES.items():
        attribute = ATTRIBUTES[keyword]
        key = MatchingKey(keyword, (value,))
        condition = key_condition(attribute, key, Query(Level.STUDY))

        sql = f"SELECT * FROM {attribute.table} WHERE {condition.sql}"  # noqa: S608 our own
        (plan,) = plans([(sql, condition.params)])

        assert not scans_a_table(plan), plan
        assert "trgm_idx" in plan


@pytest.mark.parametrize("who", ["radiologist", "archive_admin"])
def test_lists_and_what_lies_under_a_parent_come_from_an_index(archive, request, who):
    user = request.getfixturevalue(who)
    study = Study.objects.first().study_instance_uid
    series = Series.objects.first().series_instance_uid
    for query in (
        Query(Level.PATIENT, limit=10),
        Query(Level.STUDY, limit=10),
        Query(Level.STUDY, limit=10, order=(("PatientName", False),)),
        Query(Level.SERIES, limit=10),
        Query(Level.INSTANCE, limit=10),
        Query(Level.SERIES, study_instance_uid=study),
        Query(Level.INSTANCE, study_instance_uid=study),
        Query(Level.INSTANCE, study_instance_uid=study, series_instance_uid=series),
        Query(Level.SERIES, study_instance_uid=study, is_everything_included=True),
        Query(Level.STUDY, limit=10, is_everything_included=True),
    ):
        with statements() as asked:
            matches(user=user, query=query)

        for plan in plans(asked):
            assert not scans_a_table(plan), (query, plan)


def test_a_page_is_not_sorted_out_of_all_studies(archive, radiologist):
    with statements() as asked:
        matches(user=radiologist, query=Query(Level.STUDY, limit=10))

    (plan, _) = plans(asked)

    assert "Sort" not in plan
    assert "study_date_time_idx" in plan


def test_c_find_is_answered_from_an_index(archive, radiologist):
    study = Study.objects.first()
    keys = received(StudyInstanceUID=study.study_instance_uid, PatientName="")
    with statements() as asked:
        assert len(list(find(user=radiologist, level=Level.SERIES, keys=keys))) == 4

    (plan,) = plans(asked)

    assert not scans_a_table(plan), plan
    assert "study_instance_uid" in indexed(plan)


FILTERS = {
    "none": WorklistFilters(),
    "patient": WorklistFilters(patient="bakerson ben"),
    "patient id": WorklistFilters(patient="PG0000001"),
    "dates": WorklistFilters(
        date_from=datetime.date(2020, 1, 1), date_to=datetime.date(2020, 2, 1)
    ),
    "modalities": WorklistFilters(modalities=("CT", "MR")),
    "accession": WorklistFilters(accession="ag1"),
    "description": WorklistFilters(description="thorax knee"),
}


@pytest.mark.parametrize("who", ["radiologist", "archive_admin"])
def test_the_study_list_comes_from_an_index_whatever_it_is_narrowed_to(archive, request, who):
    user = request.getfixturevalue(who)
    for name, filters in FILTERS.items():
        with statements() as asked:
            worklist_page(user, filters)

        for plan in plans(asked):
            assert not scans_a_table(plan), (name, plan)


# The number of images changes with every one that is stored: an index on it would cost each store
# more than it saves this order, which is a sort of the keys alone.
def test_the_study_list_is_in_the_order_of_an_index(archive, radiologist, monkeypatch):
    # Of a small archive, half is sorted as quickly as it is walked.
    monkeypatch.setattr(worklist, "MAX_COUNTED", 25)
    for sort in SORT_KEYS - {"images"}:
        for is_descending in (True, False):
            filters = WorklistFilters(sort=sort, is_descending=is_descending)
            with statements() as asked:
                worklist_page(radiologist, filters)

            # The first that asks for rights reads the keys in their order.
            plan = next(plan for plan in plans(asked) if "archive_study_projects" in plan)

            assert not scans_a_table(plan), (filters, plan)
            # At most the ties of an index's order are sorted.
            assert not re.search(r"-> +Sort\b|^Sort\b", plan), (filters, plan)
