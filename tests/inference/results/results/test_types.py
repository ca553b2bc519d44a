from inference.results.types import Algorithm, code_of, parameters_of


def test_code_of_keeps_the_triple():
    code = code_of(("272673000", "SCT", "Bone"))
    assert (code.value, code.scheme_designator, code.meaning) == ("272673000", "SCT", "Bone")


def test_parameters_of_name_digest_and_notes():
    algorithm = Algorithm("a", "1", "ff", parameters=("device=cpu",))
    assert parameters_of(algorithm, ["x"]) == ["digest=ff", "device=cpu", "note=x"]
