"""What the Huffman-coded JPEG processes share: tables, bits and restart intervals.

Decoding bit after bit would be hopeless in Python. Instead the 16 bits that begin at every single
bit of the data are laid out as an array once; a symbol is then one table look-up at a position.
"""

import numpy as np
import numpy.typing as npt

_END_OF_IMAGE = b"\xff\xd9"
# For each 16-bit prefix: code length << 8 | symbol, 0 where no code fits.
HuffmanTable = npt.NDArray[np.uint16]


def read_huffman_tables(segment: bytes) -> dict[tuple[int, int], HuffmanTable]:
    """Read a DHT segment.

    Parameters
    ----------
    segment : its content, one table or several

    Returns
    -------
    (class, destination) -> table of 65536 entries

    Raises
    ------
    ValueError
        A table has more codes than fit.

    References
    ----------
    ISO/IEC 10918-1 B.2.4.2 and annex C
    """
    tables: dict[tuple[int, int], HuffmanTable] = {}
    while segment:
        counts = segment[1:17]
        symbols = segment[17 : 17 + sum(counts)]
        table = np.zeros(1 << 16, np.uint16)
        start = index = 0
        for length, count in enumerate(counts, 1):
            for symbol in symbols[index : index + count]:
                stop = start + (1 << (16 - length))
                if stop > 1 << 16:
                    raise ValueError("a Huffman table is overfull")
                table[start:stop] = length << 8 | symbol
                start = stop
            index += count
        tables[segment[0] >> 4, segment[0] & 15] = table
        segment = segment[17 + sum(counts) :]
    return tables


def coded_intervals(data: bytes, *, has_restarts: bool) -> list[bytes]:
    """Split a scan's coded data at its restart markers.

    Parameters
    ----------
    data : everything behind the scan header
    has_restarts : whether a restart interval is defined

    Returns
    -------
    The coded data of each interval, stuffed zero bytes taken out, up to the next real marker
    """
    parts, start, position = [], 0, data.find(b"\xff")
    end = len(data)
    while 0 <= position < len(data) - 1:
        follower = data[position + 1]
        if 0xD0 <= follower <= 0xD7 and has_restarts:
            parts.append(data[start:position])
            start = position + 2
        elif follower not in {0x00, 0xFF}:
            end = position
            break
        position = data.find(b"\xff", position + (1 if follower == 0xFF else 2))
    parts.append(data[start:end])
    return [part.replace(b"\xff\x00", b"\xff") for part in parts]


def bit_windows(data: bytes) -> npt.NDArray[np.uint16]:
    """Lay out the 16 bits that begin at each bit.

    Parameters
    ----------
    data : coded data without stuffing

    Returns
    -------
    (8 * len(data) + 16,) uint16, one bits behind the end
    """
    plain = np.frombuffer(data + b"\xff" * 4, np.uint8).astype(np.uint32)
    triples = plain[:-2] << 16 | plain[1:-1] << 8 | plain[2:]
    shifts = np.arange(8, 0, -1, dtype=np.uint32)
    windows: npt.NDArray[np.uint16] = (triples[:, None] >> shifts).astype(np.uint16).ravel()
    return windows
