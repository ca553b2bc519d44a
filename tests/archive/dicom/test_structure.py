import struct

import pytest

from archive.dicom.structure import MAX_DEPTH, UNDEFINED_LENGTH, StructureScan
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE_LAYOUT, IMPLICIT_LITTLE_LAYOUT
from archive.errors import InvalidInstanceError
from tests.builders import bytestreams as build


def scan(data, layout=EXPLICIT_LITTLE_LAYOUT):
    return list(StructureScan(data, len(data)).top_level(0, layout))


def code_of(data, layout=EXPLICIT_LITTLE_LAYOUT):
    with pytest.raises(InvalidInstanceError) as raised:
        scan(data, layout)
    return raised.value.code


NAME = build.text(0x00100010, "PN", "Doe^Jane")


def test_top_level_yields_elements_with_their_values():
    data = (
        NAME + build.element(0x00280010, "US", b"\x10\0") + build.element(0x00420011, "OB", b"pdf!")
    )

    spans = scan(data)

    assert [span.tag for span in spans] == [0x00100010, 0x00280010, 0x00420011]
    assert [span.vr for span in spans] == ["PN", "US", "OB"]
    assert data[spans[0].value_start : spans[0].value_stop] == b"Doe^Jane"
    assert data[spans[2].value_start : spans[2].value_stop] == b"pdf!"
    assert spans[-1].next_start == len(data)


def test_top_level_of_nothing_is_nothing():
    assert scan(b"") == []


@pytest.mark.parametrize("undefined", [True, False])
def test_sequence_is_one_element_of_its_level(undefined):
    inner = build.item(NAME, length=UNDEFINED_LENGTH if undefined else None)
    data = build.sequence(0x00081140, inner, inner, undefined=undefined) + NAME

    first, second = scan(data)

    assert first.is_sequence
    assert first.is_undefined is undefined
    assert data[first.value_start : first.value_stop] == inner + inner
    assert second.tag == 0x00100010


def test_implicit_sequences_are_found_by_dictionary_and_by_undefined_length():
    name = build.text(0x00100010, "PN", "Doe", implicit=True)
    known = build.element(0x00081140, "SQ", build.item(name), implicit=True)
    private = build.element(0x00091001, "", length=UNDEFINED_LENGTH, implicit=True)
    private += build.item(name) + build.SEQUENCE_END

    spans = scan(known + private, IMPLICIT_LITTLE_LAYOUT)

    assert [span.is_sequence for span in spans] == [True, True]


def test_unknown_with_undefined_length_is_a_sequence_of_implicit_items():
    name = build.text(0x00100010, "PN", "Doe", implicit=True)
    data = build.sequence(0x00091001, build.item(name), undefined=True, vr="UN")

    (span,) = scan(data)

    assert span.is_sequence
    assert span.layout.is_implicit


def test_implicit_element_inside_explicit_data_is_tolerated():
    data = NAME + build.text(0x00100020, "LO", "4711", implicit=True) + NAME[:0]

    assert [span.vr for span in scan(data)] == ["PN", None]


def test_delimiter_at_the_end_of_an_item_of_known_length_is_tolerated():
    content = NAME + build.ITEM_END
    data = build.sequence(0x00081140, build.item(content))

    assert scan(data)[0].is_sequence


@pytest.mark.parametrize("padding", [1, 7, 8, 4096])
def test_zero_padding_at_the_end_is_ignored(padding):
    assert len(scan(NAME + b"\0" * padding)) == 1


def test_other_bytes_at_the_end_are_refused():
    assert code_of(NAME + b"\0\0\0junk") == "truncated"
    assert code_of(NAME + b"\0" * 16 + b"\1") in {"truncated", "malformed"}


def test_encapsulated_pixel_data_ends_at_its_delimiter():
    data = build.fragments(b"frame one", b"frame two")
    scanner = StructureScan(data, len(data))

    (span,) = scanner.top_level(0, EXPLICIT_LITTLE_LAYOUT)

    assert span.is_undefined
    assert not span.is_sequence
    assert scanner.fragment_count == 2


def test_encapsulated_pixel_data_without_delimiter_is_truncated():
    assert code_of(build.fragments(b"frame", end=b"")) == "truncated"


def test_encapsulated_pixel_data_with_other_elements_inside_is_malformed():
    data = build.element(0x7FE00010, "OB", length=UNDEFINED_LENGTH) + NAME + build.SEQUENCE_END
    assert code_of(data) == "malformed"


def test_every_cut_is_found_but_those_between_elements():
    data = NAME + build.sequence(0x00081140, build.item(NAME), undefined=True)
    data += build.fragments(b"frame one!")
    sound = {0} | {span.next_start for span in scan(data)}

    for length in range(len(data)):
        if length in sound:
            scan(data[:length])
        else:
            assert code_of(data[:length]) == "truncated"


@pytest.mark.parametrize("undefined", [True, False])
def test_nesting_is_bounded(undefined):
    assert scan(build.nested(MAX_DEPTH, undefined=undefined))
    assert code_of(build.nested(MAX_DEPTH + 1, undefined=undefined)) == "too-complex"
    assert code_of(build.nested(2000, undefined=undefined)) == "too-complex"


def test_element_count_is_bounded(monkeypatch):
    monkeypatch.setattr("archive.dicom.structure.MAX_ELEMENTS", 100)
    assert code_of(NAME * 101) == "too-complex"
    assert code_of(build.sequence(0x00081140, *[build.item(b"")] * 101)) == "too-complex"
    assert code_of(build.fragments(*[b"xx"] * 101)) == "too-complex"


def test_item_longer_than_its_sequence_is_malformed():
    bad = build.sequence(0x00081140, build.item(NAME, length=100)) + NAME * 10
    assert code_of(bad) == "malformed"


def test_element_longer_than_its_item_is_malformed():
    lying = build.element(0x00100010, "PN", b"Doe^", length=200)
    assert code_of(build.sequence(0x00081140, build.item(lying)) + NAME * 30) == "malformed"


def test_sequence_that_holds_no_items_is_malformed():
    assert code_of(build.element(0x00081140, "SQ", NAME)) == "malformed"


def test_text_of_undefined_length_is_malformed():
    data = struct.pack("<HH2sHL", 0x0040, 0xA160, b"UT", 0, UNDEFINED_LENGTH) + build.SEQUENCE_END
    assert code_of(data) == "malformed"


def test_message_names_the_attribute_but_not_its_value():
    data = build.element(0x00100010, "PN", b"Secret^Name", length=1000)
    with pytest.raises(InvalidInstanceError, match="Patient's Name") as raised:
        scan(data)
    assert "Secret" not in raised.value.message
