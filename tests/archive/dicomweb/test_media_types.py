from __future__ import annotations

import pytest

from archive.dicomweb.media_types import Offer, choose, parse_accept, parse_media_type
from archive.errors import NotAcceptableError

FILES = (Offer("multipart/related", "application/dicom"), Offer("application/dicom"))
PICTURES = (Offer("image/jpeg"), Offer("image/png"))


@pytest.mark.parametrize(
    "text",
    [
        'multipart/related; type="application/dicom"; transfer-syntax=*',
        "multipart/related;type=application/dicom;transfer-syntax=*",
        'Multipart/Related; Type="application/dicom"; Transfer-Syntax="*"',
    ],
)
def test_parameters_are_read_with_and_without_quotes(text):
    media_type = parse_media_type(text)

    assert media_type.name == "multipart/related"
    assert media_type.inner == "application/dicom"
    assert media_type.parameters["transfer-syntax"] == "*"


def test_separators_inside_quotes_separate_nothing():
    first, second = parse_accept('a/b; x="1,2;3\\"4", c/d')

    assert first.parameters["x"] == '1,2;3"4'
    assert second.name == "c/d"


@pytest.mark.parametrize("text", ["", " , ", ";;"])
def test_an_empty_accept_takes_everything(text):
    assert [item.name for item in parse_accept(text)] == ["*/*"]


@pytest.mark.parametrize("text", ["q", '"', 'a/b; x="', "a/b; =; q=x", "," * 5000, "a/b;" * 3000])
def test_odd_headers_are_no_errors(text):
    assert isinstance(parse_accept(text), list)


@pytest.mark.parametrize(
    ("query", "header", "expected"),
    [
        (None, None, "multipart/related"),
        (None, "*/*", "multipart/related"),
        (None, "application/dicom", "application/dicom"),
        (None, 'multipart/related; type="application/dicom"', "multipart/related"),
        (None, 'multipart/related; type="*/*"', "multipart/related"),
        (None, "multipart/related", "multipart/related"),
        (None, "application/*", "application/dicom"),
        (None, "application/dicom; q=0.9, multipart/related; q=0.1", "application/dicom"),
        (None, "*/*, application/dicom", "application/dicom"),
        (None, "*/*, multipart/related; q=0", "application/dicom"),
        ("application/dicom", "multipart/related", "application/dicom"),
        ("application/dicom", "*/*", "application/dicom"),
        ("text/html", "application/dicom", "application/dicom"),
    ],
)
def test_the_best_offer_is_chosen(query, header, expected):
    assert choose(query, header, FILES).offer.name == expected


@pytest.mark.parametrize(
    ("query", "header"),
    [
        (None, "text/html"),
        (None, "image/jpeg"),
        (None, 'multipart/related; type="image/jpeg"'),
        ("text/html", None),
        (None, "application/dicom; q=0"),
    ],
)
def test_nothing_fitting_is_not_acceptable(query, header):
    with pytest.raises(NotAcceptableError):
        choose(query, header, FILES)


def test_a_query_keys_lost_plus_sign_is_found_again():
    offers = (Offer("application/dicom+json"),)

    assert choose("application/dicom json", None, offers).offer == offers[0]


def test_transfer_syntaxes_are_those_of_ranges_that_fit():
    header = (
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80,'
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1; q=0.5,'
        'multipart/related; type="image/jp2"; transfer-syntax=1.2.3'
    )

    choice = choose(None, header, FILES)

    assert choice.is_multipart
    assert choice.transfer_syntaxes == ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.1")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("image/png", "image/png"),
        ("image/*", "image/jpeg"),
        ("image/avif,image/webp,image/png,image/*;q=0.8,*/*;q=0.5", "image/png"),
    ],
)
def test_browsers_get_a_picture(header, expected):
    assert choose(None, header, PICTURES).offer.name == expected
