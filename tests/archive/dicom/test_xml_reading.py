"""The Native DICOM Model back to the JSON model; what the writer writes is read the same."""

import pytest

from archive.dicom.native_xml import json_to_xml
from archive.dicom.xml_reading import read_native_xml
from archive.errors import InvalidRequestError

DOCUMENT = {
    "00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY"]},
    "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
    "00090010": {"vr": "LO", "Value": ["TWINSIGHT TEST"]},
    "00091001": {"vr": "LO", "Value": ["<private & odd>"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Ideographic": "山田^太郎"}]},
    "00100020": {"vr": "LO"},
    "00189087": {"vr": "FD", "Value": [0.1]},
    "00280010": {"vr": "US", "Value": [512]},
    "00420011": {"vr": "OB", "InlineBinary": "AAEC"},
    "7FE00010": {"vr": "OW", "BulkDataURI": "http://a/b?c=1&d=2"},
}


def test_what_is_written_is_read_the_same():
    assert read_native_xml(json_to_xml(DOCUMENT)) == DOCUMENT


def test_private_attributes_find_their_creators_block():
    xml = b"""<NativeDicomModel>
      <DicomAttribute tag="00090010" vr="LO"><Value number="1">OTHER</Value></DicomAttribute>
      <DicomAttribute tag="00090001" vr="LO" privateCreator="MINE"><Value number="1">x</Value>
      </DicomAttribute></NativeDicomModel>"""

    document = read_native_xml(xml)

    assert document["00090011"]["Value"] == ["MINE"]
    assert document["00091101"]["Value"] == ["x"]


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<NativeDicomModel>",
        b'<NativeDicomModel><DicomAttribute vr="LO"/></NativeDicomModel>',
        b"<Item/>",
        b"<Value>1</Value>",
        b'<NativeDicomModel><DicomAttribute tag="00280010" vr="US"><Value>x</Value>',
        b'<!DOCTYPE a [<!ENTITY b "b">]><NativeDicomModel>&b;</NativeDicomModel>',
        b"<a>" * 300 + b"</a>" * 300,
    ],
)
def test_what_is_not_of_the_model_is_refused(xml):
    with pytest.raises(InvalidRequestError):
        read_native_xml(xml)
