import pytest
from pydicom.sr.codedict import codes

from inference.pipelines.classification import LinearHead
from inference.results.codes import body_part_code, local_code, modality_code
from tests.inference.pipelines.test_classification import BUNDLE


def test_every_answer_of_the_shipped_head_has_a_standard_code():
    for label in LinearHead.load(BUNDLE).labels:
        modality, body_part = label.split("/")
        assert modality_code(modality)[1] == "DCM"
        assert body_part_code(body_part)[1] == "SCT"


@pytest.mark.parametrize(
    ("body_part", "concept"),
    [
        ("ABDOMEN", codes.SCT.Abdomen),
        ("BRAIN", codes.SCT.Brain),
        ("CHEST", codes.SCT.Chest),
        ("HEAD", codes.SCT.Head),
    ],
)
def test_body_part_codes_are_pydicoms(body_part, concept):
    assert body_part_code(body_part)[0] == concept.value


def test_unknown_words_keep_themselves_in_the_local_scheme():
    assert body_part_code("LEFTELBOWANDFOREARM") == (
        "LEFTELBOWANDFORE",
        "99TWINSIGHT",
        "Leftelbowandforearm",
    )
    assert modality_code("ZZ") == ("ZZ", "99TWINSIGHT", "ZZ")


def test_words_that_begin_alike_have_codes_of_their_own():
    left, right = local_code("Nodule of the left lung"), local_code("Nodule of the left breast")
    assert left[0] != right[0]
    assert local_code("Scar")[0] == "scar"
