"""What no table names stays only where it is known safe."""

from __future__ import annotations

import pytest

from archive.deid.types import Action
from archive.deid.unlisted import is_local_code, unlisted_action


@pytest.mark.parametrize(
    ("keyword", "vr", "value", "action"),
    [
        ("", "LO", "x", Action.REMOVE),
        ("", "US", 1, Action.REMOVE),
        ("Rows", "US", 512, Action.KEEP),
        ("PixelSpacing", "DS", ["0.5", "0.5"], Action.KEEP),
        ("KVP", "DS", "120", Action.KEEP),
        ("KVP", "DS", "Doe^Jane", Action.REMOVE),
        ("InstanceNumber", "IS", "7", Action.KEEP),
        ("InstanceNumber", "IS", "+49 170 1234", Action.REMOVE),
        ("BodyPartExamined", "CS", "CHEST", Action.KEEP),
        ("BodyPartExamined", "CS", ["A", "B"], Action.KEEP),
        ("BodyPartExamined", "CS", "Doe^Jane", Action.REMOVE),
        ("BodyPartExamined", "CS", "Müller", Action.REMOVE),
        ("BodyPartExamined", "CS", "", Action.KEEP),
        ("Manufacturer", "LO", "Maker", Action.KEEP),
        ("WindowCenterWidthExplanation", "LO", "of J. Doe", Action.REMOVE),
        ("PulseSequenceName", "SH", "*tfl3d1", Action.KEEP),
        ("SegmentLabel", "LO", "Liver of J. Doe", Action.DUMMY),
        ("SoftwareVersions", "LO", ["1", "2"], Action.DUMMY),
        ("PositionReferenceIndicator", "LO", "SN", Action.ZERO),
        ("StackID", "SH", "1", Action.KEEP),
        ("StackID", "SH", "4711081500", Action.REMOVE),
        ("OpticalPathIdentifier", "SH", "Doe", Action.REMOVE),
        ("ResponsiblePerson", "PN", "Doe", Action.REMOVE),
        ("RetrieveURL", "UR", "http://host/", Action.REMOVE),
        ("PixelData", "OW", b"", Action.KEEP),
        ("ICCProfile", "OB", b"", Action.KEEP),
        ("DataSetTrailingPadding", "OB", b"x", Action.REMOVE),
        ("SelectorDAValue", "DA", "20240101", Action.ZERO),
        ("SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.2", Action.KEEP),
        ("SOPClassUID", "UI", "1.3.12.2.1107.5.9.1", Action.KEEP),
        ("SourceFrameOfReferenceUID", "UI", "1.2.3", Action.REPLACE_UID),
        ("ReferencedSOPInstanceUID", "UI", ["1.2.3", "1.2.4"], Action.REPLACE_UID),
        ("SourceFrameOfReferenceUID", "UI", "1.2.840.10008.1.4.1.1", Action.KEEP),
        ("AnatomicRegionSequence", "SQ", [], Action.KEEP),
    ],
)
def test_rule(keyword, vr, value, action):
    assert unlisted_action(keyword, vr, value) is action


def test_codes_of_standards_keep_their_texts():
    assert not is_local_code("CodeMeaning", "SCT")
    assert not is_local_code("Manufacturer", "99LOCAL")
    assert is_local_code("CodeMeaning", "99LOCAL")
    assert is_local_code("CodeValue", "")
