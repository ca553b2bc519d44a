from __future__ import annotations

from xml.etree import ElementTree

import pytest
from pydicom.dataset import Dataset

from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.native_xml import NAMESPACE, json_to_xml
from archive.dicom.xml_reading import read_native_xml

NS = {"n": NAMESPACE}


def attribute(document, tag):
    root = ElementTree.fromstring(json_to_xml(document))  # noqa: S314 our own
    return root.find(f"n:DicomAttribute[@tag='{tag}']", NS)


def test_a_data_set_is_what_it_was_after_a_way_there_and_back():
    item = Dataset()
    item.CodeValue = "A"
    ds = Dataset()
    ds.PatientName = "Yamada^Tarou^^Dr=山田^太郎"
    ds.StudyDate = "20240229"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.Rows = 512
    ds.SlabThickness = 40.5
    ds.FrameIncrementPointer = 0x00181063
    ds.ConceptNameCodeSequence = [item]
    ds.StudyComments = 'a < b & "c"'
    ds.AccessionNumber = ""
    ds.ICCProfile = b"\x00\x01"
    document = dataset_to_json(ds)

    assert read_native_xml(json_to_xml(document)) == document


def test_keywords_numbers_and_private_creators_are_said():
    document = {
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
        "00090010": {"vr": "LO", "Value": ['ACME "1"']},
        "00091001": {"vr": "UN", "InlineBinary": "AAE="},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://x/a?b=1&c=2"},
    }

    kind = attribute(document, "00080008")
    assert kind.get("keyword") == "ImageType"
    assert [(value.get("number"), value.text) for value in kind] == [
        ("1", "ORIGINAL"),
        ("3", "AXIAL"),
    ]
    assert attribute(document, "00090010").get("privateCreator") is None
    assert attribute(document, "00091001").get("privateCreator") == 'ACME "1"'
    assert attribute(document, "7FE00010").find("n:BulkData", NS).get("uri") == "http://x/a?b=1&c=2"


@pytest.mark.parametrize("text", ["a\x00b\x0bc\ufffe", "a\r\nb", "]]>", "\U0001f600"])
def test_any_text_makes_a_document(text):
    value = attribute({"00081030": {"vr": "LO", "Value": [text]}}, "00081030")

    assert value[0].text == text.replace("\x00", "").replace("\x0b", "").replace("\ufffe", "")
