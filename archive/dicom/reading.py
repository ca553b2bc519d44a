"""From the bytes of a file to a pydicom Dataset, after its structure has been proved sound.

Everything that reads DICOM files passes through here. Nothing in this module calls pydicom's own
file reader: that one recurses, inflates without bound and takes cut files for whole.
"""

import io
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom.config
from pydicom.dataelem import RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag

from archive.dicom.charsets import python_encodings
from archive.dicom.deflation import inflate
from archive.dicom.file_meta import FileMeta, find_layout, read_file_meta
from archive.dicom.structure import (
    PIXEL_DATA_TAGS,
    UNDEFINED_LENGTH,
    Buffer,
    ElementSpan,
    StructureScan,
)
from archive.dicom.transfer_syntaxes import (
    DEFLATED_DATASETS,
    EXPLICIT_BIG,
    GE_PRIVATE_BIG_PIXELS,
    IMPLICIT_LITTLE,
    Layout,
    layout_of,
)
from archive.dicom.validation import (
    PixelSpan,
    check_identity,
    check_pixel_data,
    check_sop_class,
    check_transfer_syntax,
)
from archive.errors import InvalidInstanceError

# What is stored is what it is: pydicom's warnings about odd values would only put patients' data
# into logs. What the archive writes itself is still validated.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

# Longer values (documents, waveforms, private blobs) stay out of a header; sequences come whole.
MAX_HEADER_VALUE_BYTES = 1 << 20
_SPECIFIC_CHARACTER_SET = 0x00080005


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself in front of its pixel data.

    ``ds`` holds the elements before the pixel data, values over `MAX_HEADER_VALUE_BYTES` left
    out; ``dataset_offset`` is the byte where the data set begins behind the file meta
    information (0 where there is none).
    """

    ds: Dataset
    transfer_syntax_uid: str
    dataset_offset: int
    has_pixel_data: bool
    number_of_bytes: int


def read_header(source: Path | BinaryIO) -> Header:
    """Prove that a file is a sound DICOM instance and read it up to its pixel data.

    Every element to the end of the file is followed, also behind and inside the pixel data, but
    no pixel is loaded: the file is mapped, and memory grows with the header only.

    Parameters
    ----------
    source : path, or binary file read from its beginning (its position is of no account)

    Returns
    -------
    The header; its data set has ``file_meta``.

    Raises
    ------
    InvalidInstanceError
        ``not-dicom``, ``dicomdir``, ``truncated``, ``malformed``, ``too-complex``, ``too-large``,
        ``no-sop-instance-uid``, ``missing-attribute``, ``invalid-uid``, ``sop-class-not-supported``
        or ``transfer-syntax-not-supported``.

    References
    ----------
    DICOM PS3.10 section 7, PS3.5 sections 7 and A.4
    """
    with _mapped(source) as buffer, _only_our_error():
        return _read_header(buffer)


@dataclass(frozen=True, slots=True)
class DatasetPlace:
    """Where a file's data set begins, and whether it is encoded as the file says."""

    offset: int
    transfer_syntax_uid: str
    is_as_stated: bool


def locate_dataset(source: Path | BinaryIO) -> DatasetPlace:
    """Find the data set behind the file meta information, to send it as it is.

    Parameters
    ----------
    source : path, or binary file read from its beginning

    Raises
    ------
    InvalidInstanceError
        As for `read_header`; what lies behind the meta information is not looked at.
    """
    with _mapped(source) as buffer, _only_our_error():
        meta = read_file_meta(buffer)
        syntax = meta.transfer_syntax_uid
        if syntax in DEFLATED_DATASETS:
            return DatasetPlace(meta.dataset_offset, syntax, is_as_stated=True)
        stated = layout_of(
            is_implicit=syntax in {IMPLICIT_LITTLE, GE_PRIVATE_BIG_PIXELS},
            is_little=syntax != EXPLICIT_BIG,
        )
        found = find_layout(buffer, meta.dataset_offset, syntax)
        return DatasetPlace(meta.dataset_offset, syntax, is_as_stated=found is stated)


def locate_pixel_data(source: Path | BinaryIO) -> int | None:
    """Find where the element of the pixel data begins, to send it as it is behind another header.

    Parameters
    ----------
    source : path, or binary file read from its beginning; its data set is not deflated

    Returns
    -------
    Offset in the file; None where there is no pixel data.

    Raises
    ------
    InvalidInstanceError
        The structure is not sound.
    """
    with _mapped(source) as buffer, _only_our_error():
        meta = read_file_meta(buffer)
        position = meta.dataset_offset
        layout = find_layout(buffer, position, meta.transfer_syntax_uid)
        for span in StructureScan(buffer, len(buffer)).top_level(position, layout):
            if span.tag in PIXEL_DATA_TAGS:
                return position
            position = span.next_start
    return None


def read_dataset(source: Path | BinaryIO, *, stop_before_pixels: bool = False) -> Dataset:
    """Read a stored file into memory.

    Parameters
    ----------
    source : path, or binary file read from its beginning
    stop_before_pixels : leave out the pixel data and what follows it

    Returns
    -------
    The data set with ``file_meta`` and ``preamble``, values decoded on first access.

    Raises
    ------
    InvalidInstanceError
        The structure is not sound, as for `read_header`; UIDs and pixel sizes are not checked.
    """
    with _mapped(source) as buffer, _only_our_error():
        meta = read_file_meta(buffer)
        with _dataset_stream(buffer, meta) as (stream, start):
            ds, _ = _collect(stream, start, meta, whole=not stop_before_pixels)
    return ds


def read_directory(source: Path | BinaryIO) -> Dataset:
    """Read a DICOMDIR into memory: its records in their order; no path of it is followed.

    Parameters
    ----------
    source : path, or binary file read from its beginning

    Returns
    -------
    The data set with its Directory Record Sequence

    Raises
    ------
    InvalidInstanceError
        The structure is not sound.
    """
    with _mapped(source) as buffer, _only_our_error():
        meta = read_file_meta(buffer, takes_directories=True)
        with _dataset_stream(buffer, meta) as (stream, start):
            ds, _ = _collect(stream, start, meta, whole=True)
    return ds


@contextmanager
def open_dataset(source: Path | BinaryIO) -> Iterator[Dataset]:
    """Give a stored file's data set with its pixel data left in the file.

    For frames out of files that are larger than memory: `frame_bytes`, `decode_frame` and
    `render_frame` touch only the frame they are asked for.

    Parameters
    ----------
    source : path, or binary file read from its beginning

    Yields
    ------
    The data set; the value of its pixel data is a memoryview that ends with the context, so it
    serves those functions and nothing else.

    Raises
    ------
    InvalidInstanceError
        As for `read_dataset`.
    """
    views: list[memoryview] = []
    with _mapped(source) as buffer:
        meta = read_file_meta(buffer)
        with _dataset_stream(buffer, meta) as (stream, start):
            try:
                with _only_our_error():
                    ds, _ = _collect(stream, start, meta, whole=True, views=views)
                yield ds
            finally:
                for view in views:
                    view.release()


@contextmanager
def _only_our_error() -> Iterator[None]:
    """Turn whatever a parser raises into the one error that ingest knows."""
    try:
        yield
    except (InvalidInstanceError, OSError):
        raise
    except Exception as error:  # any parser's error: the file is not what it should be
        raise InvalidInstanceError("The file can't be read as DICOM.", code="malformed") from error


def _read_header(buffer: Buffer) -> Header:
    meta = read_file_meta(buffer)
    check_transfer_syntax(meta.transfer_syntax_uid)
    with _dataset_stream(buffer, meta) as (stream, start):
        ds, pixel_span = _collect(stream, start, meta, whole=False)
    check_identity(ds)
    check_sop_class(ds)
    check_pixel_data(ds, pixel_span, meta.transfer_syntax_uid)
    return Header(
        ds=ds,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        dataset_offset=meta.dataset_offset,
        has_pixel_data=pixel_span is not None and pixel_span.length > 0,
        number_of_bytes=len(buffer),
    )


def _collect(
    stream: Buffer,
    start: int,
    meta: FileMeta,
    *,
    whole: bool,
    views: list[memoryview] | None = None,
) -> tuple[Dataset, PixelSpan | None]:
    """Scan a data set to its end; keep the elements before the pixel data, or all."""
    layout = find_layout(stream, start, meta.transfer_syntax_uid)
    scan = StructureScan(stream, len(stream))
    elements: dict[BaseTag, RawDataElement] = {}
    pixels: PixelSpan | None = None
    terms: list[str] = []
    for span in scan.top_level(start, layout):
        if span.tag in PIXEL_DATA_TAGS and pixels is None:
            length = span.value_stop - span.value_start
            pixels = PixelSpan(span.tag, length, span.is_undefined, scan.fragment_count)
        if pixels is not None and not whole:
            continue
        length = span.value_stop - span.value_start
        if not (whole or span.is_sequence) and length > MAX_HEADER_VALUE_BYTES:
            continue
        element = _raw_element(stream, span, views)
        _refuse_second_value(elements.get(element.tag), element)
        elements[element.tag] = element
        if span.tag == _SPECIFIC_CHARACTER_SET and element.value:
            terms = element.value.decode("latin-1").split("\\")
    return _to_dataset(elements, terms, layout, meta), pixels


def _to_dataset(
    elements: dict[BaseTag, RawDataElement], terms: list[str], layout: Layout, meta: FileMeta
) -> Dataset:
    ds = FileDataset(
        None,  # type: ignore[arg-type]  # no file to defer to: every value is here
        elements,  # type: ignore[arg-type]  # pydicom's own reader passes raw elements too
        preamble=meta.preamble,
        file_meta=meta.ds,
        is_implicit_VR=layout.is_implicit,
        is_little_endian=layout.is_little,
    )
    ds.set_original_encoding(layout.is_implicit, layout.is_little, python_encodings(terms))
    return ds


def _raw_element(
    stream: Buffer, span: ElementSpan, views: list[memoryview] | None
) -> RawDataElement:
    vr = "SQ" if span.is_sequence else span.vr
    value: Any
    if views is not None and span.tag in PIXEL_DATA_TAGS:
        value = memoryview(stream)[span.value_start : span.value_stop]
        views.append(value)
    else:
        value = stream[span.value_start : span.value_stop]
    length = UNDEFINED_LENGTH if span.is_undefined else len(value)
    if not value:
        value = empty_value_for_VR(vr, raw=True)
    return RawDataElement(
        BaseTag(span.tag),
        vr,
        length,
        value,
        span.value_start,
        span.layout.is_implicit,
        span.layout.is_little,
    )


def _refuse_second_value(first: RawDataElement | None, second: RawDataElement) -> None:
    """Refuse two values for one tag: readers would not agree on which of them holds."""
    if first is not None and (first.value or b"") != (second.value or b""):
        raise InvalidInstanceError(
            f"The file has two different values for {second.tag}.", code="malformed"
        )


@contextmanager
def _mapped(source: Path | BinaryIO) -> Iterator[Buffer]:
    """Give the whole source as one buffer: a memory map where it is a file."""
    if isinstance(source, Path):
        with source.open("rb") as file, _mapped(file) as buffer:
            yield buffer
        return
    if isinstance(source, io.BytesIO):
        yield source.getvalue()
        return
    try:
        descriptor = source.fileno()
    except (OSError, AttributeError):
        source.seek(0)
        yield source.read()
        return
    if source.writable():
        source.flush()
    if os.fstat(descriptor).st_size == 0:
        yield b""
        return
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as buffer:
        yield buffer


@contextmanager
def _dataset_stream(buffer: Buffer, meta: FileMeta) -> Iterator[tuple[Buffer, int]]:
    """Give the bytes that hold the data set, inflated if need be, and where it starts in them."""
    if meta.transfer_syntax_uid not in DEFLATED_DATASETS:
        yield buffer, meta.dataset_offset
        return
    with inflate(buffer, meta.dataset_offset, len(buffer)) as file, _mapped(file) as stream:
        yield stream, 0
