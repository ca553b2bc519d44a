"""Lossless JPEG (process 14), decoded with array arithmetic.

The one library at hand for it ends the whole process on some damaged files; this one raises.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from archive.dicom.jpeg_entropy import (
    HuffmanTable,
    bit_windows,
    coded_intervals,
    read_huffman_tables,
)

_CHUNK_BYTES = 1 << 20
_LOOKAHEAD_BYTES = 8
_MAX_SAMPLES = 1 << 28
Plane = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Image:
    rows: int = 0
    columns: int = 0
    precision: int = 0
    restart_interval: int = 0
    identifiers: bytes = b""
    tables: dict[tuple[int, int], HuffmanTable] = field(default_factory=dict)
    planes: dict[int, Plane] = field(default_factory=dict)


def decode_lossless(frame: bytes) -> npt.NDArray[np.uint16]:
    """Decode a lossless Huffman-coded JPEG image.

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
    ISO/IEC 10918-1 annex H; DICOM PS3.5 section 8.2.1
    """
    image = _Image()
    position = 2
    while position + 4 <= len(frame) and len(image.planes) < max(len(image.identifiers), 1):
        if frame[position] != 0xFF:
            position += 1
            continue
        marker = frame[position + 1]
        if marker in {0x00, 0xFF} or 0xD0 <= marker <= 0xD9:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", frame, position + 2)
        segment = frame[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == 0xDA:
            _decode_scan(image, segment, frame[position:])
        else:
            _read_segment(image, marker, segment)
    planes = [image.planes.get(identifier) for identifier in image.identifiers]
    if not planes or any(plane is None for plane in planes):
        raise ValueError("the image is not whole")
    found = [plane.astype(np.uint16) for plane in planes if plane is not None]
    return found[0] if len(found) == 1 else np.stack(found, axis=-1)


def _read_segment(image: _Image, marker: int, segment: bytes) -> None:
    if marker == 0xC3:
        image.precision, image.rows, image.columns, count = struct.unpack_from(">BHHB", segment)
        parameters = segment[6 : 6 + 3 * count]
        image.identifiers = parameters[0::3]
        if set(parameters[1::3]) != {0x11} or not 2 <= image.precision <= 16:
            raise ValueError("subsampled lossless images are not supported")
        if image.rows * image.columns * count > _MAX_SAMPLES:
            raise ValueError("the image is too large for this decoder")
    elif marker == 0xC4:
        image.tables.update(read_huffman_tables(segment))
    elif marker == 0xDD:
        (image.restart_interval,) = struct.unpack(">H", segment)
    elif 0xC0 <= marker <= 0xCF and marker not in {0xC8, 0xCC}:
        raise ValueError("not a lossless Huffman-coded image")


def _decode_scan(image: _Image, header: bytes, data: bytes) -> None:
    count = header[0]
    identifiers = header[1 : 1 + 2 * count : 2]
    tables = [image.tables[0, number >> 4] for number in header[2 : 2 + 2 * count : 2]]
    predictor, shift = header[1 + 2 * count], header[3 + 2 * count] & 15
    if not set(identifiers) <= set(image.identifiers) or not 1 <= predictor <= 7:
        raise ValueError("the scan header is damaged")
    lines = image.rows
    if image.restart_interval:
        lines, rest = divmod(image.restart_interval, image.columns)
        if rest:
            raise ValueError("restarts inside a line are not supported")
    start_value = 1 << (image.precision - shift - 1)
    parts: list[Plane] = []
    intervals = coded_intervals(data, has_restarts=bool(image.restart_interval))
    for number, interval in enumerate(intervals):
        here = min(lines, image.rows - number * lines)
        if here <= 0:
            break
        differences = _differences(interval, here * image.columns, tables)
        shaped = differences.reshape(here, image.columns, count)
        parts.append(
            np.stack([_predict(shaped[..., c], predictor, start_value) for c in range(count)])
        )
    whole = np.concatenate(parts, axis=1) << shift
    if whole.shape[1] != image.rows:
        raise ValueError("restart intervals are missing")
    image.planes.update(zip(identifiers, whole, strict=True))


def _differences(data: bytes, pixels: int, tables: list[HuffmanTable]) -> Plane:
    """Decode the differences of all components of all pixels, in coded order."""
    is_uniform = all(table is tables[0] for table in tables)
    if not is_uniform:
        return _mixed_differences(data, pixels, tables)
    count = pixels * len(tables)
    found: list[Plane] = []
    done, bit = 0, 0
    while done < count:
        first_byte = bit >> 3
        if first_byte >= len(data):
            raise ValueError("the coded data ends early")
        chunk = data[first_byte : first_byte + _CHUNK_BYTES + _LOOKAHEAD_BYTES]
        windows = bit_windows(chunk)
        limit = 8 * min(_CHUNK_BYTES, len(chunk))
        positions = _walk(_advances(windows, tables[0]), bit & 7, limit, count - done)
        values, bit_behind = _values_at(windows, positions, tables[0])
        found.append(values)
        done += len(positions)
        bit = 8 * first_byte + bit_behind
    if bit > 8 * len(data):
        raise ValueError("the coded data ends early")
    return np.concatenate(found)


def _mixed_differences(data: bytes, pixels: int, tables: list[HuffmanTable]) -> Plane:
    """Decode where components have tables of their own: walk them in turn."""
    windows = bit_windows(data)
    advances = [_advances(windows, table) for table in tables]
    limit, position = 8 * len(data), 0
    turns: list[list[int]] = [[] for _ in tables]
    for _ in range(pixels):
        for turn, advance in zip(turns, advances, strict=True):
            if position >= limit:
                raise ValueError("the coded data ends early")
            turn.append(position)
            position += advance[position]
    columns = [
        _values_at(windows, turn, table)[0] for turn, table in zip(turns, tables, strict=True)
    ]
    return np.stack(columns, axis=-1).ravel()


def _advances(windows: npt.NDArray[np.uint16], table: HuffmanTable) -> memoryview:
    """Return for every bit how many bits a code that begins there takes with its extra bits."""
    size = table & 0xFF
    lengths = (table >> 8) + np.where(size == 16, 0, size)
    steps: npt.NDArray[np.uint8] = lengths.astype(np.uint8)[windows]
    return memoryview(steps.tobytes())


def _walk(advance: memoryview, position: int, limit: int, count: int) -> list[int]:
    """Follow the codes from one to the next; an unknown one is met again and found later."""
    positions: list[int] = []
    append = positions.append
    for _ in range(count):
        if position >= limit:
            break
        append(position)
        position += advance[position]
    return positions


def _values_at(
    windows: npt.NDArray[np.uint16], positions: list[int], table: HuffmanTable
) -> tuple[Plane, int]:
    """Return the differences coded at positions, and the bit behind the last."""
    at = np.array(positions, np.int64)
    entries = table[windows[at]].astype(np.int64)
    if np.any(entries == 0) or np.any(entries & 0xFF > 16):
        raise ValueError("the coded data holds an unknown code")
    sizes, lengths = entries & 0xFF, entries >> 8
    behind = np.minimum(at + lengths, len(windows) - 1)
    extra = windows[behind].astype(np.int64) >> (16 - sizes)
    half = np.where(sizes > 0, np.int64(1) << np.maximum(sizes - 1, 0), 0)
    values = np.where(extra >= half, extra, extra - (np.int64(1) << sizes) + 1)
    is_largest = sizes == 16
    values[is_largest] = 32768
    extra_bits = 0 if is_largest[-1] else sizes[-1]
    return values, int(at[-1] + lengths[-1] + extra_bits)


def _predict(differences: Plane, predictor: int, start_value: int) -> Plane:
    """Undo the prediction (annex H.1.2.1), modulo 65536."""
    values = differences.copy()
    values[0, 0] += start_value
    values[0] = np.cumsum(values[0]) & 0xFFFF
    values[:, 0] = np.cumsum(values[:, 0]) & 0xFFFF
    if predictor == 1:
        values[1:] = np.cumsum(values[1:], axis=1) & 0xFFFF
        return values
    if predictor == 2:
        values[:, 1:] = np.cumsum(values[:, 1:], axis=0) & 0xFFFF
        return values
    for row in range(1, values.shape[0]):
        _predict_row(values, row, predictor)
    return values


def _predict_row(values: Plane, row: int, predictor: int) -> None:
    line, above = values[row], values[row - 1]
    if predictor == 3:
        line[1:] = (line[1:] + above[:-1]) & 0xFFFF
    elif predictor == 4:
        line[1:] += above[1:] - above[:-1]
        values[row] = np.cumsum(line) & 0xFFFF
    elif predictor == 5:
        line[1:] += (above[1:] - above[:-1]) >> 1
        values[row] = np.cumsum(line) & 0xFFFF
    else:
        values[row] = _predict_step_by_step(line.tolist(), above.tolist(), predictor)


def _predict_step_by_step(line: list[int], above: list[int], predictor: int) -> list[int]:
    """Predictors 6 and 7 halve what depends on the pixel just decoded."""
    left = line[0]
    for column in range(1, len(line)):
        if predictor == 6:
            guess = above[column] + ((left - above[column - 1]) >> 1)
        else:
            guess = (left + above[column]) >> 1
        left = (line[column] + guess) & 0xFFFF
        line[column] = left
    return line
