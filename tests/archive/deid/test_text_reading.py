"""The reader of text: small print in large pictures, and a child that may die."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from archive.deid import text_reading
from archive.deid.text_reading import can_read_text, read_words
from archive.deid.text_regions import is_text
from archive.errors import PixelDecodingError

needs_reader = pytest.mark.skipif(not can_read_text(), reason="the extra 'ocr' is not installed")


@needs_reader
def test_small_print_in_a_large_picture_is_found_where_it_stands():
    image = Image.new("L", (1900, 1500), 30)
    draw = ImageDraw.Draw(image)
    draw.text((1700, 1450), "DOE^JANE 4711", fill=235, font=ImageFont.load_default(14))

    words = read_words(np.asarray(image))

    found = [word for word in words if "4711" in word.text]
    assert found
    assert all(abs(word.left - 1700) < 12 and abs(word.top - 1450) < 12 for word in found)


@needs_reader
def test_reader_that_dies_is_an_error_and_another_takes_over(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(text_reading, "_JOB_SECONDS", 0.0)
        text_reading._place.close()
        with pytest.raises(PixelDecodingError) as caught:
            read_words(np.zeros((64, 64), np.uint8))
    assert caught.value.code == "reader-died"

    assert read_words(np.zeros((64, 64), np.uint8)) == []


def test_tiles_cover_a_picture_and_overlap():
    picture = np.zeros((1500, 3000, 3), np.uint8)

    tiles = list(text_reading._tiles(picture))

    assert (tiles[0][0].shape[:2], round(tiles[0][3], 3)) == ((640, 1280), 0.427)
    seen = np.zeros((1500, 3000), int)
    for tile, left, top, scale in tiles[1:]:
        assert scale == 1.0
        seen[top : top + tile.shape[0], left : left + tile.shape[1]] += 1
    assert seen.min() >= 1
    assert seen.max() > 1


def _noise(rows: int, columns: int, level: int) -> np.ndarray:
    samples = np.random.default_rng(3).normal(level, 10, (rows, columns))
    return np.clip(samples, 0, 255).astype(np.uint8)


@needs_reader
def test_faint_small_and_turned_text_is_found():
    picture = Image.fromarray(_noise(480, 640, 90))
    draw = ImageDraw.Draw(picture)
    draw.text((60, 60), "DOE^JANE 4711", fill=130, font=ImageFont.load_default(16))
    draw.text((60, 400), "DOE^JANE 4712", fill=250, font=ImageFont.load_default(9))
    turned = Image.new("L", (180, 30), 0)
    ImageDraw.Draw(turned).text((4, 2), "DOE^JANE 4713", fill=255, font=ImageFont.load_default(18))
    mask = turned.rotate(90, expand=True)
    picture.paste(250, (500, 100), mask)

    words = [word for word in read_words(np.asarray(picture)) if is_text(word, 480, 640)]

    places = [(word.left, word.top, word.width, word.height) for word in words]
    assert any(abs(left - 60) < 10 and abs(top - 60) < 12 for left, top, *_ in places)
    assert any(abs(left - 60) < 10 and abs(top - 400) < 12 for left, top, *_ in places)
    assert any(left > 480 and height > 100 for left, _, _, height in places)
