from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from archive.dicom import limited_decoding, process_limits
from archive.dicom.codecs import decode_compressed
from archive.dicom.encoding import FrameShape, encode_frame
from archive.dicom.image_pixel import ImagePixel
from archive.dicom.limited_decoding import DecoderPool
from archive.errors import PixelDecodingError

RLE = "1.2.840.10008.1.2.5"
SAMPLES = np.random.default_rng(5).integers(0, 4096, (64, 66), np.uint16)
FRAME = encode_frame(SAMPLES, FrameShape(12, "MONOCHROME2"), RLE).content


def pixel(**fields):
    known = {
        "tag": 0x7FE00010,
        "rows": 64,
        "columns": 66,
        "samples": 1,
        "frames": 1,
        "photometric": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": 12,
        "high_bit": 11,
        "is_signed": False,
        "is_planar": False,
        "is_little": True,
        "transfer_syntax_uid": RLE,
    }
    return ImagePixel(**{**known, **fields})


@pytest.fixture
def pool():
    pool = DecoderPool(size=1)
    yield pool
    pool.close()


def child_of(pool):
    return pool._idle[0]._process._process


def test_a_child_gives_what_the_decoder_gives_and_stays_for_the_next_frame(pool):
    here, is_rgb = decode_compressed(FRAME, pixel())

    there = pool.decode(FRAME, pixel())
    first = child_of(pool).pid
    again = pool.decode(FRAME, pixel())

    assert np.array_equal(there[0], here)
    assert np.array_equal(again[0], SAMPLES)
    assert (there[0].dtype, there[1]) == (here.dtype, is_rgb)
    assert child_of(pool).pid == first


def test_a_frame_that_can_not_be_decoded_says_why_and_costs_no_child(pool):
    with pytest.raises(PixelDecodingError, match="RLE frame"):
        pool.decode(b"nonsense", pixel())
    first = child_of(pool).pid
    with pytest.raises(PixelDecodingError, match="no decoder"):
        pool.decode(b"nonsense", pixel(transfer_syntax_uid="1.2.3"))

    assert child_of(pool).pid == first
    assert np.array_equal(pool.decode(FRAME, pixel())[0], SAMPLES)


def test_a_child_that_dies_is_an_error_of_one_frame(pool):
    pool.decode(FRAME, pixel())
    child = child_of(pool)
    os.kill(child.pid, signal.SIGSTOP)
    threading.Timer(0.3, child.kill).start()

    with pytest.raises(PixelDecodingError) as refusal:
        pool.decode(FRAME, pixel())

    assert refusal.value.code == "decoder-died"
    assert np.array_equal(pool.decode(FRAME, pixel())[0], SAMPLES)


def test_a_child_that_takes_too_long_is_ended(pool, monkeypatch):
    pool.decode(FRAME, pixel())
    monkeypatch.setattr(limited_decoding, "JOB_SECONDS", 0.3)
    os.kill(child_of(pool).pid, signal.SIGSTOP)

    with pytest.raises(PixelDecodingError) as refusal:
        pool.decode(FRAME, pixel())

    assert refusal.value.code == "decoder-died"


def test_a_child_that_died_while_idle_is_replaced_unseen(pool):
    pool.decode(FRAME, pixel())
    child_of(pool).kill()
    child_of(pool).wait()

    assert np.array_equal(pool.decode(FRAME, pixel())[0], SAMPLES)


def test_a_child_is_limited_and_knows_nothing_of_our_environment(pool, monkeypatch):
    monkeypatch.setenv("DJANGO_SECRET_KEY", "s")
    pool.decode(FRAME, pixel())
    place = Path(f"/proc/{child_of(pool).pid}")

    limits = (place / "limits").read_text(encoding="ascii")
    environ = (place / "environ").read_bytes()

    assert f"{process_limits.MEMORY_BYTES}" in limits
    assert "Max file size             0" in limits
    assert b"SECRET" not in environ


def test_what_takes_too_much_memory_is_an_error(pool, monkeypatch):
    big = pixel(rows=60000, columns=60000, transfer_syntax_uid="1.2.840.10008.1.2.8.1")

    with pytest.raises(PixelDecodingError):
        pool.decode(b"\x03\x00" * 50, big)
    assert np.array_equal(pool.decode(FRAME, pixel())[0], SAMPLES)


def test_threads_wait_for_a_free_child(pool):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(pool.decode(FRAME, pixel())[0]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len(pool._idle) == 1
