"""Encode small JPEG images of the processes that common encoders leave out."""

import struct

import numpy as np

ZIGZAG = [
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5),
    *(12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28),
    *(35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51),
    *(58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63),
]


def lossless_jpeg(
    image: np.ndarray, *, predictor: int = 1, precision: int = 16, restart_lines: int = 0
) -> bytes:
    """Encode (rows, columns[, components]) by JPEG process 14, all in one scan."""
    planes = image[..., None] if image.ndim == 2 else image
    rows, columns, count = planes.shape
    codes = {size: (size, 5) for size in range(17)}
    head = _segment(0xC4, b"\0" + bytes([0] * 4 + [17] + [0] * 11) + bytes(range(17)))
    head += _frame_header(0xC3, precision, rows, columns, count)
    if restart_lines:
        head += _segment(0xDD, struct.pack(">H", restart_lines * columns))
    selectors = b"".join(bytes([number + 1, 0]) for number in range(count))
    head += _segment(0xDA, bytes([count]) + selectors + bytes([predictor, 0, 0]))
    lines = restart_lines or rows
    intervals = []
    for start in range(0, rows, lines):
        part = planes[start : start + lines].astype(np.int64)
        errors = np.stack(
            [_prediction_errors(part[..., c], predictor, precision) for c in range(count)], -1
        )
        intervals.append(_pack(_coded_difference(int(e), codes) for e in errors.ravel()))
    body = b"".join(
        part + (bytes([0xFF, 0xD0 + number % 8]) if number < len(intervals) - 1 else b"")
        for number, part in enumerate(intervals)
    )
    return b"\xff\xd8" + head + body + b"\xff\xd9"


def extended_jpeg(image: np.ndarray, *, restart_blocks: int = 0) -> bytes:
    """Encode (rows, columns) of 12 bits by JPEG process 4, quantized by 1."""
    rows, columns = image.shape
    high, wide = -(-rows // 8), -(-columns // 8)
    padded = np.pad(
        image.astype(np.float64), ((0, high * 8 - rows), (0, wide * 8 - columns)), "edge"
    )
    blocks = padded.reshape(high, 8, wide, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8) - 2048
    basis = _cosine_basis()
    coefficients = np.rint(basis @ blocks @ basis.T).astype(int).reshape(-1, 64)[:, ZIGZAG]
    dc_codes = {size: (size, 5) for size in range(16)}
    symbols = [0x00, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 15))]
    ac_codes = {symbol: (number, 9) for number, symbol in enumerate(symbols)}
    head = _segment(0xDB, b"\0" + b"\1" * 64)
    head += _segment(0xC4, b"\0" + bytes([0] * 4 + [16] + [0] * 11) + bytes(range(16)))
    head += _segment(0xC4, b"\x10" + bytes([0] * 8 + [len(symbols)] + [0] * 7) + bytes(symbols))
    head += _frame_header(0xC1, 12, rows, columns, 1)
    if restart_blocks:
        head += _segment(0xDD, struct.pack(">H", restart_blocks))
    head += _segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
    each = restart_blocks or len(coefficients)
    body = b""
    for number, start in enumerate(range(0, len(coefficients), each)):
        if number:
            body += bytes([0xFF, 0xD0 + (number - 1) % 8])
        body += _pack(_coded_blocks(coefficients[start : start + each], dc_codes, ac_codes))
    return b"\xff\xd8" + head + body + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _frame_header(marker: int, precision: int, rows: int, columns: int, count: int) -> bytes:
    components = b"".join(bytes([number + 1, 0x11, 0]) for number in range(count))
    return _segment(marker, struct.pack(">BHHB", precision, rows, columns, count) + components)


def _prediction_errors(values: np.ndarray, predictor: int, precision: int) -> np.ndarray:
    guess = np.zeros_like(values)
    guess[0, 0] = 1 << (precision - 1)
    guess[0, 1:] = values[0, :-1]
    guess[1:, 0] = values[:-1, 0]
    left, above, corner = values[1:, :-1], values[:-1, 1:], values[:-1, :-1]
    guess[1:, 1:] = {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }[predictor]
    return (values - guess + 32767) % 65536 - 32767


def _coded_difference(error: int, codes: dict[int, tuple[int, int]]):
    size = abs(error).bit_length()
    yield codes[size]
    if 0 < size < 16:
        yield (error if error > 0 else error + (1 << size) - 1, size)


def _coded_blocks(coefficients, dc_codes, ac_codes):
    previous = 0
    for block in coefficients.tolist():
        yield from (_coded_difference(block[0] - previous, dc_codes),)
        previous = block[0]
        run = 0
        last = max((index for index in range(1, 64) if block[index]), default=0)
        for value in block[1 : last + 1]:
            if value == 0:
                run += 1
                continue
            while run > 15:
                yield (ac_codes[0xF0],)
                run -= 16
            size = abs(value).bit_length()
            extra = value if value > 0 else value + (1 << size) - 1
            yield (ac_codes[run << 4 | size], (extra, size))
            run = 0
        if last < 63:
            yield (ac_codes[0x00],)


def _pack(groups) -> bytes:
    bits = "".join(f"{value:0{length}b}" for group in groups for value, length in group)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""
    return data.replace(b"\xff", b"\xff\x00")


def _cosine_basis() -> np.ndarray:
    frequency, sample = np.mgrid[0:8, 0:8]
    basis = np.cos((2 * sample + 1) * frequency * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    return basis
