"""JPEG process 4 with 12 bits a sample, which no library at hand decodes.

Entropy decoding is a loop in Python (about a second for a megapixel), everything behind it is
array arithmetic. It serves as the last in the chain of decoders.
"""

import struct
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from archive.dicom.jpeg_entropy import bit_windows, coded_intervals, read_huffman_tables

_ZIGZAG = (
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5),
    *(12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28),
    *(35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51),
    *(58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63),
)
_MAX_PIXELS = 1 << 26
# A damaged block may run past its 64 coefficients; what does lands on the last one.
_ZIGZAG_PADDED = _ZIGZAG + (63,) * 16


@dataclass(slots=True)
class _Component:
    identifier: int
    horizontal: int
    vertical: int
    quantizer: int
    dc_table: int = 0
    ac_table: int = 0
    blocks_wide: int = 0
    coefficients: Any = None
    predictor: int = 0


@dataclass(slots=True)
class _Image:
    rows: int = 0
    columns: int = 0
    precision: int = 0
    restart_interval: int = 0
    components: list[_Component] = field(default_factory=list)
    quantizers: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)
    # Lists, since the loop looks up single entries.
    tables: dict[tuple[int, int], list[int]] = field(default_factory=dict)


def decode_extended(frame: bytes) -> npt.NDArray[np.uint16]:
    """Decode a sequential Huffman-coded JPEG image of up to 12 bits a sample.

    Parameters
    ----------
    frame : one image, SOI to EOI

    Returns
    -------
    (rows, columns) or (rows, columns, components) uint16, colours as coded

    Raises
    ------
    ValueError
        The image is damaged, or of another JPEG process.

    References
    ----------
    ISO/IEC 10918-1 annexes A, B and F; DICOM PS3.5 section 8.2.1
    """
    image = _Image()
    position = 2
    while position + 4 <= len(frame):
        marker, length = struct.unpack_from(">HH", frame, position)
        segment = frame[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == 0xFFDA:
            _read_scan_header(image, segment)
            _decode_scan(image, frame[position:])
            return _reconstruct(image)
        _read_segment(image, marker, segment)
    raise ValueError("the image has no scan")


def _read_segment(image: _Image, marker: int, segment: bytes) -> None:
    if marker in {0xFFC0, 0xFFC1}:
        image.precision, image.rows, image.columns, count = struct.unpack_from(">BHHB", segment)
        for start in range(6, 6 + 3 * count, 3):
            identifier, sampling, quantizer = segment[start : start + 3]
            component = _Component(identifier, sampling >> 4, sampling & 15, quantizer)
            if not (1 <= component.horizontal <= 4 and 1 <= component.vertical <= 4):
                raise ValueError("a sampling factor is out of range")
            image.components.append(component)
    elif marker == 0xFFC4:
        tables = read_huffman_tables(segment)
        image.tables.update({key: table.tolist() for key, table in tables.items()})
    elif marker == 0xFFDB:
        _read_quantizers(image, segment)
    elif marker == 0xFFDD:
        (image.restart_interval,) = struct.unpack(">H", segment)
    elif marker & 0xFFF0 == 0xFFC0:
        raise ValueError("not a sequential Huffman-coded image")


def _read_quantizers(image: _Image, segment: bytes) -> None:
    while segment:
        is_wide, number = segment[0] >> 4, segment[0] & 15
        size = 128 if is_wide else 64
        values = np.frombuffer(segment[1 : 1 + size], ">u2" if is_wide else ">u1")
        table = np.zeros(64)
        table[list(_ZIGZAG)] = values
        image.quantizers[number] = table
        segment = segment[1 + size :]


def _read_scan_header(image: _Image, segment: bytes) -> None:
    by_identifier = {component.identifier: component for component in image.components}
    if segment[0] != len(by_identifier) or not image.components:
        raise ValueError("the components are not in one scan")
    if image.rows * image.columns > _MAX_PIXELS:
        raise ValueError("the image is too large for this decoder")
    widest, tallest = _sampling(image)
    wide = -(-image.columns // (8 * widest))
    high = -(-image.rows // (8 * tallest))
    for start in range(1, 1 + 2 * segment[0], 2):
        component = by_identifier[segment[start]]
        component.dc_table, component.ac_table = segment[start + 1] >> 4, segment[start + 1] & 15
        if len(image.components) == 1:
            component.horizontal = component.vertical = 1
            wide, high = -(-image.columns // 8), -(-image.rows // 8)
        component.blocks_wide = wide * component.horizontal
        blocks = component.blocks_wide * high * component.vertical
        component.coefficients = array("i", bytes(4 * 64 * blocks))


def _sampling(image: _Image) -> tuple[int, int]:
    return (
        max(component.horizontal for component in image.components),
        max(component.vertical for component in image.components),
    )


def _decode_scan(image: _Image, data: bytes) -> None:
    intervals = coded_intervals(data, has_restarts=bool(image.restart_interval))
    first = image.components[0]
    total = len(first.coefficients) // 64 // (first.horizontal * first.vertical)
    each = image.restart_interval or total
    for number, interval in enumerate(intervals):
        start = number * each
        if start >= total:
            break
        _decode_interval(image, interval, start, min(start + each, total))


def _decode_interval(image: _Image, data: bytes, start: int, stop: int) -> None:
    windows = memoryview(bit_windows(data))  # type: ignore[arg-type]  # arrays are buffers
    position = 0
    widest = image.components[0].blocks_wide // image.components[0].horizontal
    for component in image.components:
        component.predictor = 0
    for unit in range(start, stop):
        row, column = divmod(unit, widest)
        for component in image.components:
            for down in range(component.vertical):
                line = (row * component.vertical + down) * component.blocks_wide
                for across in range(component.horizontal):
                    block = line + column * component.horizontal + across
                    try:
                        position = _decode_block(image, component, windows, position, block * 64)
                    except IndexError:
                        raise ValueError("the coded data ends early") from None


def _decode_block(
    image: _Image, component: _Component, windows: memoryview, position: int, base: int
) -> int:
    """Decode 64 coefficients; return the bit position behind them."""
    entry = image.tables[0, component.dc_table][windows[position]]
    if not entry:
        raise ValueError("the coded data holds an unknown code")
    position += entry >> 8
    size = entry & 15
    if size:
        value = windows[position] >> (16 - size)
        position += size
        component.predictor += value if value >> (size - 1) else value - (1 << size) + 1
    coefficients = component.coefficients
    coefficients[base] = component.predictor
    table = image.tables[1, component.ac_table]
    index = 1
    while index < 64:
        entry = table[windows[position]]
        if not entry:
            raise ValueError("the coded data holds an unknown code")
        position += entry >> 8
        size = entry & 15
        if size:
            index += (entry & 0xFF) >> 4
            value = windows[position] >> (16 - size)
            position += size
            coefficients[base + _ZIGZAG_PADDED[index]] = (
                value if value >> (size - 1) else value - (1 << size) + 1
            )
            index += 1
        elif entry & 0xFF == 0xF0:
            index += 16
        else:
            break
    return position


def _reconstruct(image: _Image) -> npt.NDArray[np.uint16]:
    widest, tallest = _sampling(image)
    planes = []
    for component in image.components:
        plane = _component_plane(image, component)
        across, down = widest // component.horizontal, tallest // component.vertical
        if (across, down) != (1, 1):
            plane = plane.repeat(down, axis=0).repeat(across, axis=1)
        planes.append(plane[: image.rows, : image.columns])
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)


def _component_plane(image: _Image, component: _Component) -> npt.NDArray[np.uint16]:
    """Dequantize and transform a component's blocks, and put them side by side."""
    blocks = np.frombuffer(component.coefficients, np.int32).reshape(-1, 64).astype(np.float64)
    blocks *= image.quantizers[component.quantizer]
    basis = _cosine_basis()
    samples = basis.T @ blocks.reshape(-1, 8, 8) @ basis
    samples += 1 << (image.precision - 1)
    np.rint(samples, out=samples)
    np.clip(samples, 0, (1 << image.precision) - 1, out=samples)
    grid = samples.astype(np.uint16).reshape(-1, component.blocks_wide, 8, 8)
    return grid.transpose(0, 2, 1, 3).reshape(grid.shape[0] * 8, component.blocks_wide * 8)


def _cosine_basis() -> npt.NDArray[np.float64]:
    frequency, sample = np.mgrid[0:8, 0:8]
    basis = np.cos((2 * sample + 1) * frequency * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    orthonormal: npt.NDArray[np.float64] = basis
    return orthonormal
