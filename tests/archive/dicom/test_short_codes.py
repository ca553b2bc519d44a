from archive.dicom.short_codes import short_code


def test_words_that_fit_are_the_code():
    assert short_code("liver") == "liver"
    assert short_code("x" * 16) == "x" * 16
    assert short_code("") == ""


def test_long_words_that_begin_alike_have_codes_of_their_own():
    left, right = short_code("lung-upper-lobe-left"), short_code("lung-upper-lobe-right")
    assert left != right
    assert left.startswith("lung-uppe-")
    assert {len(left), len(right)} == {16}
    assert short_code("lung-upper-lobe-left") == left
