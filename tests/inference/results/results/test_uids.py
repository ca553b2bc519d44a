from pydicom.uid import UID

from inference.results.uids import result_uid


def test_result_uid_is_valid_and_repeats():
    uid = result_uid("model", "input", "seg")
    assert UID(uid).is_valid
    assert uid == result_uid("model", "input", "seg")


def test_result_uid_differs_by_part_and_by_where_parts_end():
    assert len({result_uid("ab", "c"), result_uid("a", "bc"), result_uid("abc")}) == 3
