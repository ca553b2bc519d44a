"""How a transfer syntax lays out its bytes."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
# GE's private syntax: an implicit little endian data set whose pixel cells are big endian.
GE_PRIVATE_BIG_PIXELS = "1.2.840.113619.5.2"

# The whole data set is one deflate stream (PS3.5 A.5; JPIP variants PS3.5 A.4).
DEFLATED_DATASETS = frozenset({DEFLATED, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
NATIVE = frozenset(
    {IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED, GE_PRIVATE_BIG_PIXELS}
)
# One fragment may hold all frames of a video (PS3.5 8.2.5 and following).
VIDEO_PREFIX = "1.2.840.10008.1.2.4.10"


@dataclass(frozen=True, slots=True)
class Layout:
    """VR encoding and byte order of a run of elements, with the unpackers that follow from it."""

    is_implicit: bool
    is_little: bool
    unpack_implicit: Callable[[Any, int], tuple[Any, ...]] = field(init=False, repr=False)
    unpack_explicit: Callable[[Any, int], tuple[Any, ...]] = field(init=False, repr=False)
    unpack_length: Callable[[Any, int], tuple[Any, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Bind the unpackers once; the scan calls them for every element."""
        order = "<" if self.is_little else ">"
        set_field = object.__setattr__
        set_field(self, "unpack_implicit", struct.Struct(f"{order}HHL").unpack_from)
        set_field(self, "unpack_explicit", struct.Struct(f"{order}HH2sH").unpack_from)
        set_field(self, "unpack_length", struct.Struct(f"{order}L").unpack_from)


IMPLICIT_LITTLE_LAYOUT = Layout(is_implicit=True, is_little=True)
EXPLICIT_LITTLE_LAYOUT = Layout(is_implicit=False, is_little=True)
EXPLICIT_BIG_LAYOUT = Layout(is_implicit=False, is_little=False)
IMPLICIT_BIG_LAYOUT = Layout(is_implicit=True, is_little=False)


def layout_of(*, is_implicit: bool, is_little: bool) -> Layout:
    """Return the shared layout object for a VR encoding and byte order."""
    if is_little:
        return IMPLICIT_LITTLE_LAYOUT if is_implicit else EXPLICIT_LITTLE_LAYOUT
    return IMPLICIT_BIG_LAYOUT if is_implicit else EXPLICIT_BIG_LAYOUT


def is_encapsulated(transfer_syntax_uid: str) -> bool:
    """Say whether the syntax wraps pixel data in fragments (all public ones but the native few)."""
    return transfer_syntax_uid not in NATIVE


def is_video(transfer_syntax_uid: str) -> bool:
    """Say whether frames share fragments as in MPEG-2, MPEG-4 and HEVC."""
    return transfer_syntax_uid.startswith(VIDEO_PREFIX)
