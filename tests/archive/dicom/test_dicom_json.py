import base64
import io
import json
import warnings

import pytest
from pydicom.dataset import Dataset

from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.reading import read_dataset, read_header
from archive.errors import InvalidInstanceError
from tests.archive.dicom.conftest import PYDICOM_DATA
from tests.builders import bytestreams as build
from tests.builders.datasets import as_part10, make_dataset


def json_of(*elements, **options):
    data = build.part10(build.identity() + b"".join(elements))
    return dataset_to_json(read_header(io.BytesIO(data)).ds, **options)


def strict(converted):
    return json.dumps(converted, allow_nan=False, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    ("tag", "vr", "value", "expected"),
    [
        (0x00080060, "CS", b"MR", ["MR"]),
        (0x00080008, "CS", b"ORIGINAL \\PRIMARY", ["ORIGINAL", "PRIMARY"]),
        (0x00080008, "CS", b"A\\\\B", ["A", None, "B"]),
        (0x00200013, "IS", b" 12 ", [12]),
        (0x00200013, "IS", b"1x", ["1x"]),
        (0x00200032, "DS", b"1\\-2.50\\1e3", [1.0, -2.5, 1000.0]),
        (0x00200032, "DS", b"NaN\\inf\\1", ["NaN", "inf", 1.0]),
        (0x00280010, "US", b"\x00\x02", [512]),
        (0x00189073, "FD", b"\0\0\0\0\0\0\xf0?", [1.0]),
        (0x00189073, "FD", b"\0\0\0\0\0\0\xf8\x7f", None),
        (0x00280009, "AT", b"\x18\0\x63\x10", ["00181063"]),
        (0x00081030, "LO", b"a\0b", ["ab"]),
        (0x00104000, "LT", b"a\\b\r\n", ["a\\b\r\n"]),
        (
            0x00100010,
            "PN",
            b"Doe^J=X=Y",
            [{"Alphabetic": "Doe^J", "Ideographic": "X", "Phonetic": "Y"}],
        ),
        (0x00100010, "PN", b"", None),
        (0x00081190, "UR", b"http://x ", ["http://x"]),
    ],
)
def test_values_of_raw_elements(tag, vr, value, expected):
    converted = json_of(build.element(tag, vr, value))[f"{tag:08X}"]
    assert converted["vr"] == vr
    assert converted.get("Value") == expected
    strict(converted)


def test_numbers_beyond_what_json_keeps_are_strings():
    data = build.element(0x7FE00001, "UV", (2**60).to_bytes(8, "little"))
    assert json_of(data)["7FE00001"]["Value"] == [str(2**60)]


def test_text_is_utf8_and_says_so():
    converted = json_of(
        build.text(0x00080005, "CS", "ISO_IR 100"),
        build.element(0x00100010, "PN", b"M\xfcller^J\xf6rg"),
    )
    assert converted["00100010"]["Value"] == [{"Alphabetic": "Müller^Jörg"}]
    assert converted["00080005"]["Value"] == ["ISO_IR 192"]


def test_items_inherit_and_override_the_character_set():
    plain = build.item(build.element(0x00081030, "LO", b"\xe9"))
    own = build.item(
        build.text(0x00080005, "CS", "ISO_IR 144")
        + build.element(0x00081030, "LO", b"\xbb\xee\xda")
    )
    converted = json_of(
        build.text(0x00080005, "CS", "ISO_IR 100"), build.sequence(0x00081110, plain, own)
    )
    items = converted["00081110"]["Value"]
    assert [item["00081030"]["Value"] for item in items] == [["é"], ["Люк"]]


@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_nest_and_empty_ones_have_no_value(undefined):
    converted = json_of(
        build.nested(5, undefined=undefined), build.sequence(0x00081110, undefined=undefined)
    )
    level, depth = converted, 0
    while "Value" in level["0040A730"]:
        level, depth = level["0040A730"]["Value"][0], depth + 1
        if "0040A730" not in level:
            break
    assert depth == 5
    assert converted["00081110"] == {"vr": "SQ"}


def test_group_lengths_and_file_meta_are_left_out():
    ds = read_dataset(PYDICOM_DATA / "test_files" / "CT_small.dcm")
    converted = dataset_to_json(ds)
    assert not [key for key in converted if key.startswith("0002") or key.endswith("0000")]
    assert list(converted) == sorted(converted)


def test_binary_values_are_inline_or_references():
    short = build.element(0x00420011, "OB", b"data")
    long = build.element(0x00091010, "OB", bytes(5000))
    asked = []

    converted = json_of(
        short, long, bulk_data_uri=lambda path: asked.append(path) or f"/bulk/{path}"
    )

    assert base64.b64decode(converted["00420011"]["InlineBinary"]) == b"data"
    assert converted["00091010"] == {"vr": "OB", "BulkDataURI": "/bulk/00091010"}
    assert asked == ["00091010"]


def test_pixel_data_is_a_reference_however_short():
    ds = read_dataset(io.BytesIO(as_part10(make_dataset(Rows=2, Columns=2))))
    converted = dataset_to_json(ds, bulk_data_uri=lambda path: f"b/{path}")
    assert converted["7FE00010"] == {"vr": "OW", "BulkDataURI": "b/7FE00010"}


def test_bulk_data_in_sequences_is_named_by_its_path():
    inner = build.item(build.element(0x00420011, "OB", bytes(2000)))
    converted = json_of(build.sequence(0x00081110, build.item(b""), inner), bulk_data_uri=str)
    assert converted["00081110"]["Value"][1]["00420011"]["BulkDataURI"] == "00081110/1/00420011"


def test_binary_values_of_big_endian_files_come_little_endian():
    ds = make_dataset(
        transfer_syntax="1.2.840.10008.1.2.2", Rows=1, Columns=2, PixelData=b"\1\2\3\4"
    )
    converted = dataset_to_json(read_dataset(io.BytesIO(as_part10(ds))))
    assert base64.b64decode(converted["7FE00010"]["InlineBinary"]) == b"\2\1\4\3"


def test_implicit_values_get_their_vr_from_the_dictionary():
    data = build.part10(
        build.identity(implicit=True)
        + build.element(0x00280103, "US", b"\1\0", implicit=True)
        + build.element(0x00280106, "SS", b"\xff\xff", implicit=True)
        + build.element(0x00091001, "LO", b"private", implicit=True),
        "1.2.840.10008.1.2",
    )
    converted = dataset_to_json(read_header(io.BytesIO(data)).ds)
    assert converted["00280106"] == {"vr": "SS", "Value": [-1]}
    assert converted["00091001"]["vr"] == "UN"


def test_implicit_values_of_overlays_get_the_vr_of_their_repeating_group():
    data = build.part10(
        build.identity(implicit=True)
        + build.element(0x60020010, "US", b"\x08\0", implicit=True)
        + build.element(0x60020040, "CS", b"G ", implicit=True)
        + build.element(0x60020050, "SS", b"\1\0\xff\xff", implicit=True)
        + build.element(0x60023000, "OW", b"\1\2", implicit=True),
        "1.2.840.10008.1.2",
    )

    converted = dataset_to_json(read_header(io.BytesIO(data)).ds)

    assert converted["60020010"] == {"vr": "US", "Value": [8]}
    assert converted["60020040"] == {"vr": "CS", "Value": ["G"]}
    assert converted["60020050"] == {"vr": "SS", "Value": [1, -1]}
    assert converted["60023000"] == {"vr": "OW", "InlineBinary": "AQI="}


@pytest.mark.parametrize(("sign", "expected"), [(b"\1\0", ("SS", -1)), (b"\0\0", ("US", 65535))])
def test_implicit_values_inside_sequences_have_the_sign_of_the_pixels(sign, expected):
    item = build.item(build.element(0x00409216, "SS", b"\xff\xff", implicit=True))
    data = build.part10(
        build.identity(implicit=True)
        + build.element(0x00280103, "US", sign, implicit=True)
        + build.element(0x00409096, "SQ", item, implicit=True),
        "1.2.840.10008.1.2",
    )

    converted = dataset_to_json(read_header(io.BytesIO(data)).ds)

    (mapping,) = converted["00409096"]["Value"]
    vr, value = expected
    assert mapping["00409216"] == {"vr": vr, "Value": [value]}


def test_decoded_data_sets_convert_like_raw_ones():
    ds = make_dataset(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg=X")
    reference = Dataset()
    reference.ReferencedSOPInstanceUID = "1.2.3"
    ds.ReferencedImageSequence = [reference]
    ds.FrameIncrementPointer = 0x00181063
    decoded = dataset_to_json(ds)
    raw = dataset_to_json(read_dataset(io.BytesIO(as_part10(ds))))
    assert decoded == raw


def test_unconvertible_elements_do_not_hide_the_others():
    ds = make_dataset()
    ds["InstanceNumber"]._value = object()
    converted = dataset_to_json(ds)
    assert "Value" in converted["00100010"]
    strict(converted)


def test_deep_private_nesting_is_survived():
    content = b""
    for _ in range(3000):
        content = build.element(0x00091001, "", build.item(content), implicit=True)
    data = build.part10(build.identity(implicit=True) + content, "1.2.840.10008.1.2")
    strict(dataset_to_json(read_header(io.BytesIO(data)).ds))


def test_real_files_convert_as_pydicom_does_but_strictly(real_files):
    compared = 0
    for path in real_files:
        try:
            ds = read_dataset(path, stop_before_pixels=True)
        except InvalidInstanceError:
            continue
        ours = json.loads(strict(dataset_to_json(ds)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theirs = read_dataset(path, stop_before_pixels=True).to_json_dict(
                    bulk_data_threshold=1 << 30
                )
            except ValueError:
                continue
        expected = {key: value for key, value in theirs.items() if not key.endswith("0000")}
        assert set(ours) == set(expected), path.name
        for key, value in expected.items():
            assert ours[key]["vr"] == value["vr"], (path.name, key)
            if value["vr"] in {"UI", "US", "FD", "PN", "LO", "DA", "OB", "OW", "UN"}:
                assert plain(ours[key]) == plain(value), (path.name, key)
        compared += 1
    assert compared > 100


def plain(attribute):
    """Leave out the ways to say that there is nothing, which pydicom uses more freely."""
    values = [value or None for value in attribute.get("Value", [])]
    return (values if any(values) else [], attribute.get("InlineBinary"))
