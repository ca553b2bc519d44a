from __future__ import annotations

import pytest

from archive.errors import NotAcceptableError
from archive.retrieve.transfer_syntaxes import NOT_FOR_THE_WEB, outgoing_transfer_syntax

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
JPEG_LS, JPEG = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.50"


@pytest.mark.parametrize(
    ("stored", "wanted", "expected"),
    [
        (EXPLICIT, (), EXPLICIT),
        (EXPLICIT, ("*",), EXPLICIT),
        (IMPLICIT, (), EXPLICIT),
        (IMPLICIT, ("*",), EXPLICIT),
        (IMPLICIT, (EXPLICIT,), EXPLICIT),
        (JPEG_LS, (), EXPLICIT),
        (JPEG_LS, ("*",), JPEG_LS),
        (JPEG_LS, (JPEG_LS,), JPEG_LS),
        (JPEG_LS, (RLE, EXPLICIT), EXPLICIT),
        (JPEG, (), JPEG),
        (JPEG, (EXPLICIT,), EXPLICIT),
        (DEFLATED, (), EXPLICIT),
        (DEFLATED, ("*",), DEFLATED),
    ],
)
def test_the_outgoing_syntax(stored, wanted, expected):
    assert outgoing_transfer_syntax(stored, wanted) == expected


@pytest.mark.parametrize(
    ("stored", "wanted"), [(EXPLICIT, (JPEG,)), (IMPLICIT, (IMPLICIT,)), (JPEG_LS, (RLE,))]
)
def test_what_is_not_made_is_not_acceptable(stored, wanted):
    with pytest.raises(NotAcceptableError):
        outgoing_transfer_syntax(stored, wanted)


@pytest.mark.parametrize("stored", sorted(NOT_FOR_THE_WEB))
def test_some_syntaxes_never_leave(stored):
    assert outgoing_transfer_syntax(stored, ("*",)) == EXPLICIT
