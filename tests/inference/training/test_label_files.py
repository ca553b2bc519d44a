import pytest

from archive.errors import InvalidRequestError
from inference.training.label_files import read_labels
from inference.training.labelling import NewLabel


@pytest.mark.parametrize(
    "header",
    ["study,label_set,label", "Study UID,Label Set,Label", "StudyInstanceUID,set,label"],
)
def test_columns_are_known_by_the_names_people_use(header):
    labels = list(read_labels([f"{header}\n", "1.2,demo,chest\n"]))

    assert labels == [NewLabel(label_set="demo", label="chest", study="1.2")]


def test_most_specific_object_is_labelled():
    lines = ["study,series,instance,label_set,label\n", "1,2,3,s,a\n", "1,2,,s,a\n", "1,,,s,a\n"]

    labels = list(read_labels(lines))

    assert [(x.study, x.series, x.instance) for x in labels] == [
        ("", "", "3"),
        ("", "2", ""),
        ("1", "", ""),
    ]


def test_other_columns_and_short_rows_are_borne():
    lines = ["study,remark,label_set,label\n", "1,hello,s,a\n", "2\n"]

    labels = list(read_labels(lines))

    assert labels[1] == NewLabel(label_set="", label="", study="2")


@pytest.mark.parametrize("header", ["", "label_set,label", "study,label", "study,label_set"])
def test_missing_columns_are_named(header):
    with pytest.raises(InvalidRequestError, match="no column"):
        list(read_labels([header]))


def test_what_is_no_csv_is_an_invalid_request():
    lines = ["study,label_set,label\n", '1,a,"' + "x" * 200_000 + "\n"]

    with pytest.raises(InvalidRequestError):
        list(read_labels(lines))


def test_readers_frames_and_regions_are_read():
    lines = [
        "instance,label_set,label,reader,frame,region\n",
        "1.2,s,a,ada,3,10 20 30 40\n",
        "1.2,s,a,,,\n",
    ]

    first, second = read_labels(lines)

    assert (first.reader, first.frame, first.region) == ("ada", 3, (10, 20, 30, 40))
    assert (second.reader, second.frame, second.region) == ("", None, ())


@pytest.mark.parametrize("cell", ["x", "1 2 3 inf"])
def test_regions_are_numbers(cell):
    with pytest.raises(InvalidRequestError, match="region"):
        list(read_labels(["instance,label_set,label,region\n", f"1.2,s,a,{cell}\n"]))


@pytest.mark.parametrize("cell", ["x", "1 2", '","'])
def test_a_frame_is_one_number(cell):
    with pytest.raises(InvalidRequestError, match="frame"):
        list(read_labels(["instance,label_set,label,frame\n", f"1.2,s,a,{cell}\n"]))
