"""T84: text burned into pixels, however they are written, is masked, and proven to be gone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from archive.deid import text_reading
from archive.deid.engine import deidentify, write_deidentified
from archive.deid.holding import find_refusal
from archive.deid.pixels import clean_pixels
from archive.deid.profiles import BASIC
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.text_reading import can_read_text, read_words
from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from archive.dicom.rendering import render_frame
from archive.errors import NotAcceptableError
from tests.builders.datasets import as_part10, make_dataset

pytestmark = pytest.mark.skipif(not can_read_text(), reason="the extra 'ocr' is not installed")
ROWS, COLUMNS = 130, 240
TEXT, NUMBER = "DOE^JANE 1951", "ID 0048213"
PSEUDONYMS = Pseudonyms(derive_secret("a secret of the tests", "pixels"))


def picture(*texts: str) -> np.ndarray:
    """Draw a grey blob with text above and below it."""
    image = Image.new("L", (COLUMNS, ROWS), 20)
    draw = ImageDraw.Draw(image)
    draw.ellipse((50, 40, 190, 90), fill=130)
    font = ImageFont.load_default(18)
    for at, text in zip([(8, 6), (110, 104)], texts, strict=False):
        draw.text(at, text, fill=240, font=font)
    return np.asarray(image)


def image_of(samples: np.ndarray, **attributes):
    """Make an ultrasound image of samples, one frame or several."""
    coloured = samples.shape[-1] == 3
    attributes = {
        "SOPClassUID": SecondaryCaptureImageStorage,
        "Modality": "US",
        "Rows": samples.shape[-3] if coloured else samples.shape[-2],
        "Columns": samples.shape[-2] if coloured else samples.shape[-1],
        "SamplesPerPixel": 3 if coloured else 1,
        "PhotometricInterpretation": "RGB" if coloured else "MONOCHROME2",
        "BitsAllocated": 8 * samples.dtype.itemsize,
        "BitsStored": 8 * samples.dtype.itemsize,
        "HighBit": 8 * samples.dtype.itemsize - 1,
        "PixelRepresentation": int(samples.dtype.kind == "i"),
        "RescaleIntercept": None,
        "RescaleSlope": None,
        "PixelData": samples.tobytes(),
    } | attributes
    if coloured:
        attributes.setdefault("PlanarConfiguration", 0)
    return make_dataset(**attributes)


def mono_signed():
    return image_of((picture(TEXT, NUMBER).astype("<i2") - 128) * 8, SOPClassUID=CTImageStorage)


def mono_inverse():
    return image_of(255 - picture(TEXT, NUMBER), PhotometricInterpretation="MONOCHROME1")


def planar_colour():
    samples = np.repeat(picture(TEXT, NUMBER)[..., None], 3, axis=2)
    samples[..., 2] //= 2
    planes = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    return image_of(samples, PlanarConfiguration=1, PixelData=planes.tobytes())


def full_range_ybr():
    chroma = np.full((ROWS, COLUMNS), 128, np.uint8)
    samples = np.stack([picture(TEXT, NUMBER), chroma, chroma], axis=-1)
    return image_of(samples, PhotometricInterpretation="YBR_FULL")


def subsampled_ybr():
    luma = picture(TEXT, NUMBER).reshape(-1, 2)
    packed = np.column_stack([luma, np.full((len(luma), 2), 128, np.uint8)])
    return image_of(
        np.zeros((ROWS, COLUMNS, 3), np.uint8),
        PhotometricInterpretation="YBR_FULL_422",
        PixelData=packed.tobytes(),
    )


def palette():
    ramp = np.arange(255, -1, -1, dtype="<u2") * 257
    table = {
        f"{colour}PaletteColorLookupTable{what}": value
        for colour in ("Red", "Green", "Blue")
        for what, value in (("Descriptor", [256, 0, 16]), ("Data", ramp.tobytes()))
    }
    return image_of(255 - picture(TEXT, NUMBER), PhotometricInterpretation="PALETTE COLOR", **table)


def jpeg():
    buffer = io.BytesIO()
    Image.fromarray(picture(TEXT, NUMBER)).save(buffer, "JPEG", quality=90)
    ds = image_of(
        picture(),
        transfer_syntax=JPEGBaseline8Bit,
        PixelData=encapsulate([buffer.getvalue()]),
    )
    ds["PixelData"].is_undefined_length = True
    return ds


def second_frame_alone():
    frames = np.stack([picture(), picture(TEXT, NUMBER)])
    return image_of(frames, NumberOfFrames=2, SOPClassUID=UltrasoundMultiFrameImageStorage)


def big_endian():
    # pydicom writes words as they are given.
    samples = picture(TEXT, NUMBER).astype(">u2") * 16
    return image_of(samples, transfer_syntax=ExplicitVRBigEndian)


def read_text(ds) -> str:
    """Read every frame again, and say all that is found."""
    frames = int(ds.get("NumberOfFrames") or 1)
    words = [word for frame in range(frames) for word in read_words(render_frame(ds, frame))]
    return " ".join(word.text for word in words if word.score > 0.3)


def cleaned(ds, **options):
    """Send a data set through files and both engines; return what others would read."""
    stored = read_dataset(io.BytesIO(as_part10(ds)))
    made = deidentify(stored, BASIC, PSEUDONYMS, subject="one")
    report = clean_pixels(made.ds, **options)
    return stored, read_dataset(io.BytesIO(write_deidentified(made))), report


KINDS = [
    mono_signed,
    mono_inverse,
    planar_colour,
    full_range_ybr,
    subsampled_ybr,
    palette,
    jpeg,
    second_frame_alone,
    big_endian,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_t84_deid_leak_text_is_gone_and_the_picture_is_not(kind):
    """T84, pixels."""
    before, after, report = cleaned(kind())

    left = read_text(after)
    assert not {"DOE", "JANE", "1951", "0048213", "213"} & set(left.replace("^", " ").split()), left
    assert len(report.regions) >= 2
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert after.BurnedInAnnotation == "NO"
    codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101"]
    # The blob between the texts stands as it stood; what was masked is dark now.
    old, new = (decode_frame(ds, report.frames - 1).astype(int) for ds in (before, after))
    assert np.abs(old[48:80, 80:160] - new[48:80, 80:160]).max() <= 1
    assert render_frame(after, report.frames - 1)[8:20, 12:40].max() <= 20


def test_markers_of_sides_stay_and_clean_images_are_as_they_were():
    before, after, report = cleaned(image_of(picture("R"), Modality="CR"))

    assert report.kept_markers == 1
    assert report.regions == ()
    assert after.BurnedInAnnotation == "NO"
    assert np.array_equal(decode_frame(before), decode_frame(after))


def test_cross_sections_are_read_only_when_asked_for():
    slices = {"SOPClassUID": CTImageStorage, "Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY"]}
    samples = (picture(TEXT).astype("<i2") - 100) * 8

    _, unread, report = cleaned(image_of(samples, **slices))
    assert (report.frames, "BurnedInAnnotation" in unread) == (0, False)
    codes = [item.CodeValue for item in unread.DeidentificationMethodCodeSequence]
    assert codes == ["113100"]

    _, after, report = cleaned(image_of(samples, **slices), reads_text=True)
    assert (len(report.regions) > 0, after.BurnedInAnnotation) == (True, "NO")
    assert "JANE" not in read_text(after)


def test_file_that_says_so_but_shows_no_text_is_held():
    with pytest.raises(NotAcceptableError) as caught:
        cleaned(image_of(picture(), BurnedInAnnotation="YES"))

    assert caught.value.code == "text-not-found"


def test_text_that_does_not_go_away_holds_the_image(monkeypatch):
    monkeypatch.setattr("archive.deid.pixels._mask", lambda ds, mask_fyx: None)
    monkeypatch.setattr("archive.deid.pixels._ROUNDS", 2)

    with pytest.raises(NotAcceptableError) as caught:
        cleaned(image_of(picture(TEXT)))

    assert caught.value.code == "text-remains"


def test_without_the_reader_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr(text_reading, "can_read_text", lambda: False)

    with pytest.raises(NotAcceptableError) as caught:
        cleaned(image_of(picture(TEXT)))

    assert caught.value.code == "no-text-reader"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"Modality": "US"}, None),
        ({"BurnedInAnnotation": "YES"}, None),
        ({"Modality": "XC"}, "photograph"),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "BodyPartExamined": "HEAD"}, "rendering"),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "BodyPartExamined": "KNEE"}, None),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4"}, "photograph"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "document"),
    ],
)
def test_cleaning_lets_pictures_out_but_photographs_need_a_look(attributes, code):
    refusal = find_refusal(make_dataset(**attributes), cleans_pixels=True)

    assert (refusal and refusal.code) == code


def test_whoever_waits_is_told_before_each_frame(monkeypatch):
    monkeypatch.setattr("archive.deid.pixels.read_words", lambda _picture: [])
    told: list[int] = []
    ds = image_of(np.stack([picture()] * 5), NumberOfFrames=5)

    _, _, report = cleaned(ds, keep=lambda: told.append(1))

    assert (report.frames, len(told)) == (5, 5)
