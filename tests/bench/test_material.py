import io

import numpy as np

from archive.dicom.attributes import extract_attributes
from archive.dicom.reading import read_dataset, read_header
from archive.dicom.uids import is_valid_uid
from bench.material import files, identities

ROWS = 64


def test_a_plan_is_the_same_for_the_same_seed_only() -> None:
    assert identities("a", 5, 2) == identities("a", 5, 2)
    assert identities("a", 1, 2)[0].instance != identities("b", 1, 2)[0].instance


def test_studies_hold_so_many_instances() -> None:
    plan = identities("a", 5, 2)
    assert len({identity.study for identity in plan}) == 3
    assert len({identity.instance for identity in plan}) == 5
    assert [identity.number for identity in plan] == ["1", "2", "1", "2", "1"]


def test_files_are_sound_instances_with_the_identity_asked_for() -> None:
    plan = identities("a", 3, 2)
    for identity, content in zip(plan, files(plan, ROWS), strict=True):
        attributes = extract_attributes(read_header(io.BytesIO(content)))
        assert attributes.cleaned == ()
        ds = read_dataset(io.BytesIO(content))
        assert ds.SOPInstanceUID == identity.instance == ds.file_meta.MediaStorageSOPInstanceUID
        assert ds.StudyInstanceUID == identity.study
        assert ds.PatientID == identity.patient_id
        assert ds.InstanceNumber == int(identity.number)
        assert is_valid_uid(ds.SOPInstanceUID)
        assert np.ptp(ds.pixel_array) > 1000
