from archive.dicom.uids import is_valid_uid
from deploy.demo.uids import named_uid


def test_names_decide_the_uid() -> None:
    assert named_uid("a", 1) == named_uid("a", 1)
    assert named_uid("a", 1) != named_uid("a", 2)
    assert named_uid("a", 1) != named_uid("a1")


def test_uids_are_valid_and_hold_a_uuid() -> None:
    for number in range(200):
        uid = named_uid("test", number)
        assert is_valid_uid(uid)
        value = int(uid.removeprefix("2.25."))
        assert value >> 76 & 0xF == 8
        assert value >> 62 & 0x3 == 2
