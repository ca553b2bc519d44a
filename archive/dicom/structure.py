"""Where the elements of a byte stream begin and end, checked before anything trusts them.

The scan is iterative and bounded: it follows lengths, never reads a value, and refuses nesting,
element counts and lengths that a later recursive parser could not survive. What it tolerates
(implicit elements inside explicit data, delimiters inside items of known length, zero padding at
the end) are the deviations that real scanners write and viewers read.
"""

from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary

from archive.dicom.transfer_syntaxes import Layout, layout_of
from archive.errors import InvalidInstanceError

MAX_DEPTH = 32
MAX_ELEMENTS = 500_000
UNDEFINED_LENGTH = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010
PIXEL_DATA_TAGS = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})

_ITEM = 0xFFFEE000
_ITEM_DELIMITER = 0xFFFEE00D
_SEQUENCE_DELIMITER = 0xFFFEE0DD
_LONG_VRS = {
    vr.encode("ascii"): vr
    for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
}
_SHORT_VRS = {
    vr.encode("ascii"): vr
    for vr in (
        *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT"),
        *("PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"),
    )
}
_FRAGMENT_VRS = frozenset({"OB", "OW", "UN", None})

Buffer = bytes | mmap


class ElementSpan(NamedTuple):
    """One element of a data set: where its value lies in the buffer."""

    tag: int
    vr: str | None
    value_start: int
    value_stop: int
    next_start: int
    is_sequence: bool
    is_undefined: bool
    layout: Layout


class _Level(NamedTuple):
    is_item: bool
    end: int
    is_undefined: bool
    layout: Layout


def element_header(
    buffer: Buffer, position: int, end: int, layout: Layout
) -> tuple[int, str | None, int, int, bool]:
    """Read one element's tag, VR and length.

    Parameters
    ----------
    buffer : the bytes that hold the data set
    position : offset of the element
    end : offset that the element's header may not pass
    layout : VR encoding and byte order expected here

    Returns
    -------
    (tag, VR or None where it is implicit, offset of the value, length, whether it was implicit)

    Raises
    ------
    InvalidInstanceError
        The header does not fit before `end`.

    References
    ----------
    DICOM PS3.5 section 7.1
    """
    if end - position < 8:
        raise _cut(position)
    if not layout.is_implicit:
        group, number, raw_vr, length = layout.unpack_explicit(buffer, position)
        vr = _SHORT_VRS.get(raw_vr)
        if vr is not None:
            return group << 16 | number, vr, position + 8, length, False
        vr = _LONG_VRS.get(raw_vr)
        if vr is not None:
            if end - position < 12:
                raise _cut(position)
            (length,) = layout.unpack_length(buffer, position + 8)
            return group << 16 | number, vr, position + 12, length, False
        if _is_vr_like(raw_vr):
            return group << 16 | number, raw_vr.decode("ascii"), position + 8, length, False
    group, number, length = layout.unpack_implicit(buffer, position)
    return group << 16 | number, None, position + 8, length, True


class StructureScan:
    """One pass over a buffer with one budget of elements for all levels.

    Parameters
    ----------
    buffer : the bytes of the file or of the inflated data set
    end : offset where the stream ends; nothing may reach beyond it
    """

    def __init__(self, buffer: Buffer, end: int) -> None:
        self.buffer = buffer
        self.end = end
        self.elements_left = MAX_ELEMENTS
        self.fragment_count = 0

    def top_level(self, start: int, layout: Layout) -> Iterator[ElementSpan]:
        """Yield the elements of the data set, each checked through to its end.

        Parameters
        ----------
        start : offset of the first element
        layout : VR encoding and byte order of the data set

        Yields
        ------
        One span an element, in file order; the last one ends exactly at the end of the stream,
        or nothing but zero bytes follows it.

        Raises
        ------
        InvalidInstanceError
            ``truncated``, ``malformed`` or ``too-complex``.
        """
        buffer, end, position = self.buffer, self.end, start
        while position < end:
            is_blank = end - position < 8 or buffer[position : position + 4] == b"\0\0\0\0"
            if is_blank and _is_zero_until(buffer, position, end):
                return
            tag, vr, value_start, length, was_implicit = element_header(
                buffer, position, end, layout
            )
            self._spend()
            if vr == "SQ" or length == UNDEFINED_LENGTH or was_implicit or vr == "UN":
                span = self._nested_span(tag, vr, value_start, length, layout, was_implicit)
            else:
                stop = value_start + length
                span = ElementSpan(tag, vr, value_start, stop, stop, False, False, layout)  # noqa: FBT003 named tuple, hot path
            if span.next_start > end:
                raise _past_end(tag, position, end)
            yield span
            position = span.next_start

    def _nested_span(
        self,
        tag: int,
        vr: str | None,
        value_start: int,
        length: int,
        layout: Layout,
        was_implicit: bool,  # noqa: FBT001 hot path
    ) -> ElementSpan:
        if was_implicit:
            layout = layout_of(is_implicit=True, is_little=layout.is_little)
        is_undefined = length == UNDEFINED_LENGTH
        is_sequence = _is_sequence(tag, vr, is_undefined=is_undefined)
        if not is_undefined:
            stop = value_start + length
            if stop > self.end:
                raise _past_end(tag, value_start, self.end)
            if is_sequence:
                self._skip_sequence(
                    _Level(is_item=False, end=stop, is_undefined=False, layout=layout), value_start
                )
            return ElementSpan(tag, vr, value_start, stop, stop, is_sequence, is_undefined, layout)
        if is_sequence:
            layout = self._item_layout(value_start + 8, self.end, layout)
            after = self._skip_sequence(
                _Level(is_item=False, end=self.end, is_undefined=True, layout=layout), value_start
            )
        elif vr in _FRAGMENT_VRS:
            after = self._skip_fragments(value_start, self.end, layout)
        else:
            raise InvalidInstanceError(
                f"Element {_name(tag)} of type {vr} has no length.", code="malformed"
            )
        return ElementSpan(
            tag, vr, value_start, after - 8, after, is_sequence, is_undefined, layout
        )

    def _skip_sequence(self, outermost: _Level, position: int) -> int:
        """Follow a sequence through all its levels; return the offset behind it."""
        stack = [outermost]
        while stack:
            level = stack[-1]
            if not level.is_undefined and position == level.end:
                stack.pop()
                continue
            self._spend()
            step = self._step_in_item if level.is_item else self._step_in_sequence
            position = step(stack, level, position)
            if len(stack) > 2 * MAX_DEPTH:
                raise InvalidInstanceError(
                    f"Sequences are nested deeper than {MAX_DEPTH} levels.", code="too-complex"
                )
        return position

    def _step_in_sequence(self, stack: list[_Level], level: _Level, position: int) -> int:
        """Read one item header; push the item, or pop the sequence at its delimiter."""
        if level.end - position < 8:
            raise _cut(position)
        group, number, length = level.layout.unpack_implicit(self.buffer, position)
        tag = group << 16 | number
        position += 8
        if tag == _SEQUENCE_DELIMITER:
            stack.pop()
            if not level.is_undefined and position != level.end:
                raise _misplaced(tag, position - 8)
            return position
        if tag != _ITEM:
            raise InvalidInstanceError(
                f"At byte {position - 8} a sequence holds {_name(tag)} where an item must begin.",
                code="malformed",
            )
        is_undefined = length == UNDEFINED_LENGTH
        end = level.end if is_undefined else position + length
        if end > level.end:
            raise _past_parent("An item", position - 8, at_file_end=level.end == self.end)
        layout = self._item_layout(position, end, level.layout)
        stack.append(_Level(is_item=True, end=end, is_undefined=is_undefined, layout=layout))
        return position

    def _step_in_item(self, stack: list[_Level], level: _Level, position: int) -> int:
        """Read one element; push it if it is a sequence, pop the item at its delimiter."""
        tag, vr, value_start, length, was_implicit = element_header(
            self.buffer, position, level.end, level.layout
        )
        if tag == _ITEM_DELIMITER:
            stack.pop()
            if not level.is_undefined and value_start != level.end:
                raise _misplaced(tag, position)
            return value_start
        layout = level.layout
        if was_implicit and not layout.is_implicit:
            layout = layout_of(is_implicit=True, is_little=layout.is_little)
        is_undefined = length == UNDEFINED_LENGTH
        if _is_sequence(tag, vr, is_undefined=is_undefined):
            end = level.end if is_undefined else value_start + length
            if end > level.end:
                raise _past_parent(_name(tag), position, at_file_end=level.end == self.end)
            stack.append(_Level(is_item=False, end=end, is_undefined=is_undefined, layout=layout))
            return value_start
        if is_undefined:
            if vr not in _FRAGMENT_VRS:
                raise InvalidInstanceError(
                    f"Element {_name(tag)} of type {vr} has no length.", code="malformed"
                )
            return self._skip_fragments(value_start, level.end, layout)
        if value_start + length > level.end:
            raise _past_parent(_name(tag), position, at_file_end=level.end == self.end)
        return value_start + length

    def _skip_fragments(self, position: int, end: int, layout: Layout) -> int:
        """Walk the fragments of encapsulated pixel data; return the offset behind them."""
        count = -1  # the first item is the offset table
        while True:
            if end - position < 8:
                raise InvalidInstanceError(
                    "The encapsulated pixel data has no end mark: the file was cut off.",
                    code="truncated",
                )
            group, number, length = layout.unpack_implicit(self.buffer, position)
            tag = group << 16 | number
            position += 8
            if tag == _SEQUENCE_DELIMITER:
                self.fragment_count = max(count, 0)
                return position
            if tag != _ITEM or length == UNDEFINED_LENGTH:
                raise InvalidInstanceError(
                    f"At byte {position - 8} the encapsulated pixel data holds {_name(tag)} "
                    "where a fragment must begin.",
                    code="malformed",
                )
            self._spend()
            count += 1
            position += length
            if position > end:
                raise _past_parent("A fragment", position - length, at_file_end=end == self.end)

    def _item_layout(self, position: int, end: int, layout: Layout) -> Layout:
        """Find items written with implicit VRs inside explicit data (PS3.5 6.2.2, and by error)."""
        if layout.is_implicit or end - position < 8:
            return layout
        group, _, raw_vr, _ = layout.unpack_explicit(self.buffer, position)
        if group == 0xFFFE or _is_vr_like(raw_vr):
            return layout
        return layout_of(is_implicit=True, is_little=layout.is_little)

    def _spend(self) -> None:
        self.elements_left -= 1
        if self.elements_left < 0:
            raise InvalidInstanceError(
                f"The file has more than {MAX_ELEMENTS} elements.", code="too-complex"
            )


def _is_sequence(tag: int, vr: str | None, *, is_undefined: bool) -> bool:
    if vr == "SQ":
        return True
    if vr is None:
        entry = DicomDictionary.get(tag)
        if entry is not None:
            return entry[0] == "SQ"
        return is_undefined and tag not in PIXEL_DATA_TAGS
    return vr == "UN" and is_undefined


def _is_vr_like(raw_vr: bytes) -> bool:
    return 0x41 <= raw_vr[0] <= 0x5A and 0x41 <= raw_vr[1] <= 0x5A


def _is_zero_until(buffer: Buffer, position: int, end: int) -> bool:
    step = 1 << 20
    return all(
        not buffer[start : min(start + step, end)].strip(b"\0")
        for start in range(position, end, step)
    )


def _name(tag: int) -> str:
    entry = DicomDictionary.get(tag)
    label = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return f"{label} {entry[2]}" if entry else label


def _cut(position: int) -> InvalidInstanceError:
    return InvalidInstanceError(
        f"The file ends inside an element that begins at byte {position}.", code="truncated"
    )


def _past_end(tag: int, position: int, end: int) -> InvalidInstanceError:
    return InvalidInstanceError(
        f"Element {_name(tag)} at byte {position} reaches beyond the end of the data at {end}: "
        "the file was cut off.",
        code="truncated",
    )


def _past_parent(what: str, position: int, *, at_file_end: bool) -> InvalidInstanceError:
    if at_file_end:
        return InvalidInstanceError(
            f"{what} at byte {position} reaches beyond the end of the data: the file was cut off.",
            code="truncated",
        )
    return InvalidInstanceError(
        f"{what} at byte {position} is longer than what contains it.", code="malformed"
    )


def _misplaced(tag: int, position: int) -> InvalidInstanceError:
    return InvalidInstanceError(
        f"A delimiter {_name(tag)} stands at byte {position}, before its container ends.",
        code="malformed",
    )
