"""What an MP4 file says of its video: read from its boxes, no picture is decoded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from archive.errors import InvalidInstanceError

_MAX_INDEX_BYTES = 64 * 1024 * 1024
_MAX_BOXES = 10_000
_FOLDERS = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
# Profiles of H.264 that a decoder of the High Profile plays: Baseline (constrained), Main, High.
_AVC_PROFILES = frozenset({66, 77, 100})


@dataclass(frozen=True)
class VideoFacts:
    """Size, frames and rate of a video, and the transfer syntax that it fits."""

    rows: int
    columns: int
    frames: int
    frames_per_second: float
    transfer_syntax_uid: str


def read_mp4(file: BinaryIO) -> VideoFacts:
    """Read what a video is.

    Parameters
    ----------
    file : the MP4, seekable

    Returns
    -------
    VideoFacts of its first video track

    Raises
    ------
    InvalidInstanceError
        ``not-a-video``: its boxes can't be read, or it holds no H.264 or H.265 that DICOM allows.

    References
    ----------
    ISO/IEC 14496-12, 14496-15; DICOM PS3.5 8.2.7 to 8.2.10
    """
    try:
        index = _movie_box(file)
        for name, track in _boxes(index):
            if name == b"trak" and (facts := _track(track)) is not None:
                return facts
    except (struct.error, IndexError, ValueError) as error:
        raise _not_a_video("The video's index can't be read.") from error
    raise _not_a_video("The file holds no video of a kind that DICOM allows (H.264, H.265).")


def _not_a_video(message: str) -> InvalidInstanceError:
    return InvalidInstanceError(message, code="not-a-video")


def _movie_box(file: BinaryIO) -> bytes:
    """Return the box that tells of the whole, wherever it lies."""
    end = file.seek(0, 2)
    at = 0
    for _ in range(_MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        size, name = struct.unpack_from(">I4s", head)
        start = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
            start = 16
        elif size == 0:
            size = end - at
        if size < start or at + size > end:
            break
        if name == b"moov":
            if size > _MAX_INDEX_BYTES:
                raise _not_a_video("The video's index is too large.")
            file.seek(at + start)
            return file.read(size - start)
        at += size
    raise _not_a_video("The video is cut off, or has no index.")


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(content):
            return
        size, name = struct.unpack_from(">I4s", content, at)
        if size < 8 or at + size > len(content):
            return
        yield name, content[at + 8 : at + size]
        at += size


def _found(content: bytes, depth: int = 0) -> dict[bytes, bytes]:
    """Return the boxes below, by name, those of folders too; the first of a name counts."""
    boxes: dict[bytes, bytes] = {}
    for name, inner in _boxes(content):
        if name in _FOLDERS and depth < 5:
            for key, value in _found(inner, depth + 1).items():
                boxes.setdefault(key, value)
        else:
            boxes.setdefault(name, inner)
    return boxes


def _track(content: bytes) -> VideoFacts | None:
    boxes = _found(content)
    if boxes.get(b"hdlr", b"")[8:12] != b"vide" or b"stsd" not in boxes:
        return None
    # One entry: its size, its name, 78 bytes of a picture's description, then the codec's own box.
    entry = boxes[b"stsd"][8:]
    columns, rows = struct.unpack_from(">HH", entry, 8 + 24)
    codec = dict(_boxes(entry[8 + 78 :]))
    frames, ticks = _timing(boxes[b"stts"])
    scale = _scale(boxes[b"mdhd"])
    if not (rows and columns and frames and ticks and scale):
        raise _not_a_video("The video has no frames, or does not say how large they are.")
    return VideoFacts(rows, columns, frames, frames * scale / ticks, _syntax(codec))


def _timing(content: bytes) -> tuple[int, int]:
    (entries,) = struct.unpack_from(">I", content, 4)
    pairs = struct.iter_unpack(">II", content[8 : 8 + 8 * min(entries, 1_000_000)])
    frames = ticks = 0
    for count, delta in pairs:
        frames += count
        ticks += count * delta
    return frames, ticks


def _scale(content: bytes) -> int:
    is_long = content[0] == 1
    (scale,) = struct.unpack_from(">I", content, 20 if is_long else 12)
    return int(scale)


def _syntax(codec: dict[bytes, bytes]) -> str:
    if b"avcC" in codec:
        profile, level = codec[b"avcC"][1], codec[b"avcC"][3]
        if profile in _AVC_PROFILES and level <= 41:
            return "1.2.840.10008.1.2.4.102"
        if profile in _AVC_PROFILES and level <= 42:
            return "1.2.840.10008.1.2.4.104"
        raise _not_a_video(
            f"The video is H.264 of profile {profile}, level {level / 10}: DICOM allows the High "
            "Profile to level 4.2. Encode it anew."
        )
    if b"hvcC" in codec:
        profile, level = codec[b"hvcC"][1] & 0x1F, codec[b"hvcC"][12]
        if profile in {1, 2} and level <= 153:
            return "1.2.840.10008.1.2.4.107" if profile == 1 else "1.2.840.10008.1.2.4.108"
        raise _not_a_video("The video is H.265 of a profile that DICOM does not allow.")
    raise _not_a_video("The video's codec is none that DICOM allows (H.264, H.265).")
