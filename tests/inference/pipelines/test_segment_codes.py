import pytest

from inference.pipelines.segment_codes import segment_coded, segment_named


@pytest.mark.parametrize("name", ["white matter", "White_Matter", " WHITE MATTER "])
def test_segment_named_knows_snomed_codes_in_any_spelling(name):
    segment = segment_named(name, number=2, values=(7,))
    assert segment.property_type == ("68523003", "SCT", "Cerebral White Matter")
    assert (segment.number, segment.values) == (2, (7,))


def test_segment_named_gives_unknown_names_a_local_code_that_fits():
    segment = segment_named("left_upper_something_very_long", number=1, values=(1,))
    value, scheme, meaning = segment.property_type
    assert scheme == "99TWINSIGHT"
    assert len(value) <= 16
    assert meaning == "left_upper_something_very_long"
    assert segment.label == "Left upper something very long"


def test_names_that_begin_alike_have_codes_of_their_own():
    left, right = (
        segment_named(f"lung_upper_lobe_{side}", number=1, values=(1,)).property_type[0]
        for side in ("left", "right")
    )
    assert left != right


def test_segment_coded_takes_what_the_bundle_declares():
    named = segment_named("Ball", number=1, values=(1,))
    declared = {"name": "Ball", "code": "27925004", "scheme": "SCT", "meaning": "Nodule"}
    category = ["49755003", "SCT", "Morphologically Abnormal Structure"]

    plain = segment_coded(declared, named)
    assert plain.property_type == ("27925004", "SCT", "Nodule")
    assert plain.category == named.category
    assert segment_coded(declared | {"category": category}, named).category == tuple(category)


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"code": "1", "scheme": "", "meaning": "x"},
        {"code": 1, "scheme": "SCT", "meaning": "x"},
        {"code": "12345671000087103", "scheme": "SCT", "meaning": "x"},
    ],
)
def test_segment_coded_leaves_what_is_no_code(declared):
    named = segment_named("liver", number=1, values=(1,))
    assert segment_coded(declared, named) == named
