import pytest

from archive.dicom.matching import compile_keys, select_keys, wildcard_pattern
from archive.errors import InvalidRequestError

NAME = {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]}
ENTRY = {
    "00080050": {"vr": "SH", "Value": ["A1"]},
    "00100010": NAME,
    "00100020": {"vr": "LO", "Value": ["P-17"]},
    "00101030": {"vr": "DS", "Value": [72.0]},
    "00102000": {"vr": "LO"},
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "00400100": {
        "vr": "SQ",
        "Value": [
            {
                "00080060": {"vr": "CS", "Value": ["CT"]},
                "00400002": {"vr": "DA", "Value": ["20260706"]},
                "00400003": {"vr": "TM", "Value": ["093000"]},
            }
        ],
    },
    "00404005": {"vr": "DT", "Value": ["20260706093000+0200"]},
}


def key(tag: str, vr: str, *values: object) -> dict:
    if vr == "PN":
        values = tuple({"Alphabetic": value} for value in values)
    return {tag: {"vr": vr, "Value": list(values)}}


def step(**elements: tuple[str, str]) -> dict:
    item = {tag.lstrip("t"): {"vr": vr, "Value": [text]} for tag, (vr, text) in elements.items()}
    return {"00400100": {"vr": "SQ", "Value": [item]}}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"00080050": {"vr": "SH"}},
        key("00080050", "SH", "*"),
        key("00080050", "SH", "A1"),
        key("00080050", "SH", "A?"),
        key("00100020", "LO", "P*7"),
        key("00100020", "LO", "x", "P-17"),
        key("00100010", "PN", "yamada^TAROU"),
        key("00100010", "PN", "Yamada*"),
        key("00100010", "PN", "山田*"),
        key("00100010", "PN", "Yámada^Tarou^^"),
        key("00101030", "DS", "72"),
        key("00102000", "LO", '""'),
        key("00102110", "LO", '""'),
        key("0020000D", "UI", "9.9", "1.2.3"),
        step(t00080060=("CS", "CT")),
        step(t00400002=("DA", "20260701-")),
        step(t00400002=("DA", "-20260706")),
        step(t00400003=("TM", "09")),
        step(t00400003=("TM", "0900-0930")),
        key("00404005", "DT", "20260706"),
        key("00404005", "DT", "202607060729-202607060731"),
        key("00404005", "DT", "20260706093000+0200"),
        key("00404005", "DT", "-20260706120000-0100"),
    ],
    ids=str,
)
def test_entry_matches(keys: dict) -> None:
    assert compile_keys(keys)(ENTRY)


@pytest.mark.parametrize(
    "keys",
    [
        key("00080050", "SH", "a1"),
        key("00080050", "SH", '""'),
        key("00100020", "LO", "P*8"),
        key("00100010", "PN", "Yamada"),
        key("00101030", "DS", "73"),
        key("0020000D", "UI", "1.2.*"),
        key("00201206", "IS", "3"),
        step(t00080060=("CS", "MR")),
        step(t00400002=("DA", "20260707-")),
        step(t00400003=("TM", "1000-")),
        key("00404005", "DT", "202607060731-"),
    ],
    ids=str,
)
def test_entry_does_not_match(keys: dict) -> None:
    assert not compile_keys(keys)(ENTRY)


def test_ranges_of_date_and_time_are_one_range() -> None:
    """PS3.4 table K.6-1: from 10 on the fifth until 18 on the seventh; 9:30 on the sixth is in."""
    within = step(t00400002=("DA", "20260705-20260707"), t00400003=("TM", "1000-1800"))
    before = step(t00400002=("DA", "20260706-20260707"), t00400003=("TM", "1000-1800"))

    assert compile_keys(within)(ENTRY)
    assert not compile_keys(before)(ENTRY)


def test_words_of_a_name_match_in_any_order_where_it_is_fuzzy() -> None:
    keys = key("00100010", "PN", "tar yama")

    assert compile_keys(keys, is_fuzzy=True)(ENTRY)
    assert not compile_keys(keys)(ENTRY)


@pytest.mark.parametrize(
    "keys",
    [
        step(t00400002=("DA", "tomorrow")),
        step(t00400003=("TM", "2500-")),
        key("00404005", "DT", "2026-2027-2028"),
        key("00080050", "SH", "A" * 600),
        key("00080050", "SH", "*a" * 20),
    ],
    ids=lambda keys: str(keys)[:60],
)
def test_values_that_can_not_be_are_refused(keys: dict) -> None:
    with pytest.raises(InvalidRequestError):
        compile_keys(keys)


def test_many_stars_take_no_longer_than_one() -> None:
    pattern = wildcard_pattern("*a" * 16 + "b")

    # With groups that are not atomic this takes years.
    assert pattern.fullmatch("a" * 4000) is None


def test_answer_holds_the_keys_and_no_more() -> None:
    keys = {**key("00080050", "SH", ""), "00380010": {"vr": "LO"}}
    keys |= step(t00080060=("CS", ""))

    assert select_keys(ENTRY, keys) == {
        "00080050": ENTRY["00080050"],
        "00380010": {"vr": "LO"},
        "00400100": {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
    }


def test_sequence_without_an_item_asks_for_whole_items() -> None:
    assert select_keys(ENTRY, {"00400100": {"vr": "SQ"}})["00400100"] == ENTRY["00400100"]
