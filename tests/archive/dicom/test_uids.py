import pytest

from archive.dicom.uids import is_valid_uid, strip_uid_padding


@pytest.mark.parametrize(
    "uid", ["1", "0", "1.2.840.10008.1.2", "2.25." + "9" * 38, "1.02.3", "1" * 64]
)
def test_is_valid_uid_accepts_what_scanners_write(uid):
    assert is_valid_uid(uid)


@pytest.mark.parametrize(
    "uid",
    [
        "",
        ".",
        "..",
        "1..2",
        "1.",
        ".1",
        "1.2a",
        "1" * 65,
        "1.2\n",
        "1.2 ",
        "1.2\0",
        "1.²",
        "\u0661.\u0662",
        "-1",
        "../1",
    ],
)
def test_is_valid_uid_refuses_the_rest(uid):
    assert not is_valid_uid(uid)


def test_strip_uid_padding_removes_nul_and_spaces_but_no_newline():
    assert strip_uid_padding(" 1.2.3\0") == "1.2.3"
    assert strip_uid_padding("1.2.3  \0\0") == "1.2.3"
    assert strip_uid_padding("1.2.3\n") == "1.2.3\n"
