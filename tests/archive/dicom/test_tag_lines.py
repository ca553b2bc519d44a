from pydicom.dataset import Dataset

from archive.dicom.tag_lines import MAX_TEXT, matching_lines, tag_lines
from tests.builders.datasets import make_dataset


def _dataset():
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "1", "Chest"
    ds = make_dataset(ProcedureCodeSequence=[item], PatientComments="x" * 1000)
    block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "50")
    ds.add_new(0x00410001, "UN", b"\x01" * 10)
    return ds


def _named(lines, name):
    return next(line for line in lines if line.name == name)


def test_lines_are_named_nested_cut_and_told_private():
    lines = tag_lines(_dataset())

    assert _named(lines, "Patient ID").keyword == "PatientID"
    long = _named(lines, "Patient Comments")
    assert (len(long.value), long.is_cut) == (MAX_TEXT, True)
    inner = _named(lines, "Code Meaning")
    assert (inner.depth, inner.value, inner.path) == (2, "Chest", "/00081032/1/00080104")
    private = next(line for line in lines if line.tag == "0019,100C")
    assert private.is_private
    assert private.name.startswith("SIEMENS MR HEADER")
    assert next(line for line in lines if line.tag == "0041,0001").value == "10 B"


def test_search_looks_in_tag_name_keyword_and_value_and_keeps_what_lies_above():
    lines = tag_lines(_dataset())

    found = matching_lines(lines, "codemeaning CHEST")
    assert [line.name for line in found] == ["Procedure Code Sequence", "1 / 1", "Code Meaning"]
    assert [line.keyword for line in matching_lines(lines, "00100020")] == ["PatientID"]
    assert matching_lines(lines, "  ") == lines
    assert matching_lines(lines, "nowhere") == []


def test_so_many_lines_and_no_more():
    assert len(tag_lines(_dataset(), most=3)) == 3


def test_deep_and_broken_objects_end():
    ds = inner = Dataset()
    for _ in range(60):
        item = Dataset()
        inner.ContentSequence = [item]
        inner = item
    inner.PatientID = "X"
    lines = tag_lines(ds)
    assert max(line.depth for line in lines) < 40
