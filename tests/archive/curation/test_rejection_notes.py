"""Rejection notes take away what they name, now and when it comes later; undone is undone."""

import pytest
from django.contrib.auth.models import User
from pydicom.dataset import Dataset

from archive.audit.types import Asker
from archive.curation.rejection_notes import obey_notes
from archive.curation.removals import undo_removal
from archive.dicom.rejection_notes import KEY_OBJECT_SELECTION, read_rejection_note
from archive.events.services import relay_outbox
from archive.ingest.types import Origin
from archive.models import AuditEvent, Instance, Membership, Removal, Series, Study
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

STUDY, OTHER = "1.2.826.0.1.9.60", "1.2.826.0.1.9.61"
SERIES = f"{STUDY}.1"


def image(number, study=STUDY):
    return make_dataset(
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        SOPInstanceUID=f"{study}.1.{number}",
        Modality="CT",
        PatientID=f"P{study[-2:]}",
    )


def item(**attributes):
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def note(code, *numbers, study=STUDY, scheme="DCM", about=None):
    about = about or study
    ds = make_dataset(
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.9",
        SOPInstanceUID=f"{study}.9.{code}",
        SOPClassUID=KEY_OBJECT_SELECTION,
        Modality="KO",
        PatientID=f"P{study[-2:]}",
    )
    for keyword in ("PixelData", "Rows", "Columns"):
        if keyword in ds:
            delattr(ds, keyword)
    ds.ConceptNameCodeSequence = [
        item(CodeValue=code, CodingSchemeDesignator=scheme, CodeMeaning="why")
    ]
    ds.CurrentRequestedProcedureEvidenceSequence = [
        item(
            StudyInstanceUID=about,
            ReferencedSeriesSequence=[
                item(
                    SeriesInstanceUID=f"{about}.1",
                    ReferencedSOPSequence=[
                        item(
                            ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
                            ReferencedSOPInstanceUID=f"{about}.1.{number}",
                        )
                        for number in numbers
                    ],
                )
            ],
        )
    ]
    return ds


def store(project, *datasets):
    store_datasets(*datasets, project=project)
    while relay_outbox():
        pass


def store_from(origin, *datasets):
    store_datasets(*datasets, origin=origin)
    while relay_outbox():
        pass


def states():
    rows = Instance.objects.filter(series__series_instance_uid=SERIES).order_by("sop_instance_uid")
    return list(rows.values_list("withheld", flat=True))


@pytest.mark.parametrize("code", ["113001", "113037", "113038"])
def test_what_a_note_names_is_rejected(project, radiologist, code, client):
    store(project, image(1), image(2), note(code, 1))

    assert states() == ["rejected", ""]
    removal = Removal.objects.get()
    assert (removal.kind, removal.reason_code, removal.purge_after) == ("rejected", code, None)
    assert Series.objects.get(series_instance_uid=SERIES).number_of_series_related_instances == 1
    event = AuditEvent.objects.get(event_id="110105")
    assert (event.act, event.actor_id) == ("reject", None)
    client.force_login(radiologist)
    base = f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances"
    assert len(client.get(base).json()) == 1
    assert len(client.get(f"{base}?includerejected=true").json()) == 2
    # Who names it gets it.
    assert client.get(f"{base}/{SERIES}.1").status_code == 200


def test_expired_is_deleted_and_never_purged_by_itself(project, radiologist):
    admin = User.objects.create_user("keeper")
    Membership.objects.create(user=admin, project=project, role="radiology_admin")
    store(project, image(1), image(2))
    store_from(Origin(door="dicomweb", actor=admin), note("113039", 1, 2))

    assert states() == ["deleted", "deleted"]
    removal = Removal.objects.get()
    assert (removal.kind, removal.level, removal.purge_after) == ("deleted", "series", None)
    assert not Series.objects.visible_to(radiologist).filter(series_instance_uid=SERIES).exists()


def test_what_comes_after_its_note_is_rejected_too(project):
    store(project, image(1), note("113001", 1, 2))
    assert states() == ["rejected"]

    store(project, image(2), image(3))

    assert states() == ["rejected", "rejected", ""]
    assert Study.objects.get().number_of_study_related_instances == 2  # image 3 and the note


def test_a_series_rejected_as_a_whole_is_shown_again_by_a_new_image(project):
    store(project, image(1), note("113001", 1))
    assert Series.objects.get(series_instance_uid=SERIES).withheld == "rejected"

    store(project, image(2))

    assert Series.objects.get(series_instance_uid=SERIES).withheld == ""


def test_a_trial_stays_a_trial_when_all_of_it_is_rejected(project, radiologist, archive_admin):
    store(project, image(1))
    Series.objects.update(withheld="trial")
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(user=viewer, project=project, role="viewer")
    store(project, note("113001", 1))
    series = Series.objects.get(series_instance_uid=SERIES)
    assert (series.withheld, states()) == ("trial", ["rejected"])
    store(project, image(2))
    assert Series.objects.get(pk=series.pk).withheld == "trial"
    assert not Instance.objects.visible_to(viewer).filter(series=series).exists()

    undo_removal(asker=Asker(door="test", user=archive_admin), removal_id=Removal.objects.get().pk)
    assert Series.objects.get(pk=series.pk).withheld == "trial"
    assert states() == ["", ""]


def test_a_note_does_what_its_sender_may(project, other_project, radiologist):
    store(project, image(1), image(2))
    scanner = Origin(door="dimse", source="SCANNER", project=project)
    stranger = Origin(door="dimse", source="STRANGER", project=other_project)
    clinician = Origin(door="dicomweb", actor=radiologist)

    # A device of another project rejects nothing, and no note deletes without an admin behind it.
    store_from(stranger, note("113001", 1))
    store_from(scanner, note("113039", 1))
    assert states() == ["", ""]
    refused = AuditEvent.objects.filter(act="refuse-note").order_by("pk")
    assert [(one.outcome, one.actor_name) for one in refused] == [(4, "STRANGER"), (4, "SCANNER")]

    store_from(scanner, note("113037", 1))
    assert states() == ["rejected", ""]
    store_from(clinician, note("113038", 2))
    assert states() == ["rejected", "rejected"]
    assert not Removal.objects.filter(kind="deleted").exists()


def test_what_was_decided_of_a_note_holds_when_roles_change(project, radiologist):
    store(project, image(1))
    store_from(Origin(door="dicomweb", actor=radiologist), note("113001", 1, 2))
    Membership.objects.filter(user=radiologist).delete()
    store(project, image(2))

    assert states() == ["rejected", "rejected"]


def test_an_undone_note_is_not_obeyed_again(project, archive_admin):
    store(project, image(1), note("113001", 1))
    undo_removal(asker=Asker(door="test", user=archive_admin), removal_id=Removal.objects.get().pk)
    assert states() == [""]

    store(project, image(2))
    assert obey_notes([Study.objects.get().pk]) == 0

    assert states() == ["", ""]


def test_a_note_has_no_say_in_other_studies(project):
    store(project, image(1), image(1, study=OTHER), note("113001", 1, study=OTHER, about=STUDY))

    assert states() == [""]
    assert not Removal.objects.exists()


@pytest.mark.parametrize(("code", "scheme"), [("113000", "DCM"), ("113001", "99LOCAL")])
def test_other_key_object_selections_reject_nothing(project, code, scheme):
    store(project, image(1), note(code, 1, scheme=scheme))

    assert states() == [""]


def test_what_is_no_note_is_none():
    assert read_rejection_note(image(1)) is None
    assert read_rejection_note(note("113001")) is None
    assert read_rejection_note(Dataset()) is None
