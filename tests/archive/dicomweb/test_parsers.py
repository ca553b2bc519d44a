from __future__ import annotations

import pytest
from django.http import QueryDict

from archive.dicomweb.parsers import (
    parse_frame_numbers,
    parse_query,
    parse_rendering,
    parse_wado_rendering,
)
from archive.errors import ArchiveError, InvalidRequestError, InvalidWindowError, NotVisibleError
from archive.query.types import Level, MatchingKey


def query(text, level=Level.STUDY):
    return parse_query(QueryDict(text), level)


def test_the_worklist_call_of_ohif_is_understood():
    parsed = query(
        "limit=101&offset=0&fuzzymatching=true"
        "&includefield=00081030,00080060,00080090,00100030&PatientName=*x*&00100020=*1*"
        "&StudyDate=20240101-20241231&ModalitiesInStudy=CT"
    )

    assert (parsed.limit, parsed.offset, parsed.is_fuzzy) == (101, 0, True)
    assert parsed.include == {
        *("StudyDescription", "Modality", "ReferringPhysicianName", "PatientBirthDate")
    }
    assert parsed.keys == (
        MatchingKey("PatientName", ("*x*",)),
        MatchingKey("PatientID", ("*1*",)),
        MatchingKey("StudyDate", ("20240101-20241231",)),
        MatchingKey("ModalitiesInStudy", ("CT",)),
    )


@pytest.mark.parametrize(
    "text",
    [
        "StudyInstanceUID=1.2,1.3",
        "0020000D=1.2%5C1.3",
        "0020000d=1.2&0020000d=1.3",
        "StudyInstanceUID=1.2&StudyInstanceUID=1.3",
    ],
)
def test_uid_lists_are_separated_by_comma_backslash_or_repetition(text):
    values = [value for key in query(text).keys for value in key.values]

    assert values == ["1.2", "1.3"]


def test_a_comma_belongs_to_text():
    assert query("StudyDescription=Chest, PA").keys[0].values == ("Chest, PA",)


@pytest.mark.parametrize(
    "path",
    [
        "00400275.00400009",
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.ScheduledProcedureStepID",
    ],
)
def test_keys_inside_sequences_are_dotted(path):
    (key,) = query(f"{path}=SPS1").keys

    assert key.keyword == "RequestAttributesSequence.ScheduledProcedureStepID"


def test_unknown_keys_and_fields_are_passed_on_by_name():
    parsed = query("00091001=x&Foo=y&includefield=Bar&includefield=0009100a,all")

    assert [key.keyword for key in parsed.keys] == ["00091001", "Foo"]
    assert {"Bar", "0009100A"} <= parsed.include
    assert parsed.is_everything_included


@pytest.mark.parametrize(
    "text",
    ["limit=-1", "limit=ten", "offset=1.5", "limit=%D9%A1", "fuzzymatching=maybe"],
)
def test_malformed_parameters_are_refused(text):
    with pytest.raises(InvalidRequestError):
        query(text)


def test_an_order_is_read_with_its_directions():
    parsed = query("orderby=PatientName,-00080020&totalcount=true")

    assert parsed.order == (("PatientName", False), ("StudyDate", True))
    assert parsed.is_total_wanted
    assert parsed.keys == ()


def test_huge_numbers_and_many_keys_are_bounded():
    assert query("limit=" + "9" * 400).limit == 2**31 - 1
    with pytest.raises(InvalidRequestError):
        query("&".join(f"K{number}=1" for number in range(101)))


def test_frame_numbers():
    assert parse_frame_numbers("1,3,2") == [1, 3, 2]


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "1.0", "1;2", "²", "1" * 10])
def test_malformed_frame_numbers_are_refused(text):
    with pytest.raises(InvalidRequestError):
        parse_frame_numbers(text)


def test_frame_zero_is_not_there():
    with pytest.raises(NotVisibleError):
        parse_frame_numbers("1,0")


def rendering(text):
    return parse_rendering(QueryDict(text), "image/png")


def test_rendering_parameters():
    parsed = rendering("window=40,400,linear-exact&viewport=256,128,10,20,-30,40&quality=50")

    assert parsed.format == "png"
    assert parsed.window is not None
    assert parsed.region is not None
    window, region = parsed.window, parsed.region
    assert (window.center, window.width, window.function) == (40, 400, "LINEAR_EXACT")
    assert parsed.size == (256, 128)
    assert (region.x, region.y, region.width, region.height) == (10, 20, -30, 40)
    assert parsed.quality == 50


def test_rendering_defaults():
    parsed = rendering("")

    assert (parsed.window, parsed.size, parsed.region, parsed.quality) == (None, None, None, 85)
    thumbnail = parse_rendering(QueryDict(""), "image/jpeg", default_side=200)
    assert thumbnail.size == (200, 200)


@pytest.mark.parametrize(
    "text",
    [
        *("window=1", "window=1,0", "window=a,b", "window=1,2,CUBIC", "window=1,nan"),
        *("window=1,2,3,4", "window=1,inf", "viewport=0,10", "viewport=10", "viewport=a,b"),
        *("viewport=1,2,3", "viewport=1e400,1", "quality=0", "quality=101", "quality=high"),
    ],
)
def test_malformed_rendering_is_refused(text):
    with pytest.raises(ArchiveError) as caught:
        rendering(text)
    assert isinstance(caught.value, InvalidRequestError | InvalidWindowError)


def test_wado_uri_rendering():
    parsed = parse_wado_rendering(
        QueryDict("windowCenter=40&windowWidth=400&rows=100&imageQuality=30"), "image/jpeg"
    )

    assert parsed.window is not None
    assert parsed.window.center == 40
    assert parsed.size == (8192, 100)
    assert parsed.quality == 30
    with pytest.raises(InvalidWindowError):
        parse_wado_rendering(QueryDict("windowCenter=40"), "image/jpeg")


def test_rejected_results_are_asked_for_by_a_flag_of_our_own():
    query = parse_query(QueryDict("includerejected=true"), Level.SERIES)

    assert query.is_withheld_included
    assert query.keys == ()
    assert not parse_query(QueryDict(""), Level.SERIES).is_withheld_included
