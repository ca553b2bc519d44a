"""T84 over every real file at hand: nothing that identifies somebody is in the bytes that leave."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.datadict import keyword_for_tag
from pydicom.uid import CTImageStorage

from archive.deid.basic_profile import BASIC_PROFILE
from archive.deid.engine import deidentify, write_deidentified
from archive.deid.identifiers import readable_elements
from archive.deid.pixels import clean_pixels
from archive.deid.profiles import BASIC, make_profile
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.text_reading import can_read_text, read_words
from archive.deid.text_regions import is_marker, is_text
from archive.deid.types import DatePolicy, Option
from archive.dicom.reading import read_dataset
from archive.dicom.rendering import render_frame
from tests.dciodvfy import errors_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from archive.deid.types import Profile

PSEUDONYMS = Pseudonyms(derive_secret("a secret of the tests", "real files"))
# All that may leave without naming anybody: places, devices, UIDs and dates are not among it.
CLEANED = make_profile(
    dates=DatePolicy.SHIFT,
    options=(
        Option.GRAPHICS,
        Option.STRUCTURED_CONTENT,
        Option.DESCRIPTORS,
        Option.PATIENT_CHARACTERISTICS,
        Option.SAFE_PRIVATE,
    ),
)
OTHERS = {".csv", ".gz", ".json", ".md", ".nrrd"}
# Their authors took out the SOP class: as they are, ingest quarantines them.
WITHOUT_CLASS = "ct_dicom_20slices"
# What describes a picture may stand in its codes as well, and option 113105 keeps safe words.
_DESCRIBES = re.compile(r"Description$|Comments$|ProtocolName|ContrastBolusAgent|Label$|ROIName")
_CHARACTERISTICS = re.compile(r"Patient(Age|Sex|SexNeutered|Size|Weight)|PregnancyStatus|Smoking")
_NUMBER = re.compile(r"[-+]?\d{1,5}|[-+]?\d*\.\d+(e[-+]?\d+)?|0+", re.IGNORECASE)
_SHORTEST = 4
# What the engine writes in the place of what it removed; some files were de-identified before.
OWN_WORDS = {"anonymous", "removed", "none"}


class _Value(NamedTuple):
    keyword: str
    text: str


def _files(shared_data: Path) -> list[Path]:
    folders = (shared_data / "dicom", shared_data / "segmentation")
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix not in OTHERS]


def _values(ds: Dataset) -> Iterator[_Value]:
    """Give every text of a data set, of any depth, private ones by no keyword."""
    for element in readable_elements(ds):
        keyword = keyword_for_tag(element.tag)
        if element.VR == "SQ":
            for item in element.value or []:
                yield from _values(item)
            continue
        values = element.value if hasattr(element.value, "append") else [element.value]
        for value in values:
            if value is not None and not isinstance(value, bytes):
                yield _Value(keyword, str(getattr(value, "original_string", value)).strip("\0 "))


def _identifying(ds: Dataset) -> set[_Value]:
    """Return what must not leave: what the table names, and private texts that tell anything."""
    values = set(_values(ds))
    # As it happens, a place is called as the maker is, and a description as the body part.
    public = {
        value.text.casefold()
        for value in values
        if value.keyword and value.keyword not in BASIC_PROFILE
    }
    found = set()
    for value in values:
        keyword, text = value
        if (
            text.casefold() in OWN_WORDS
            or len(text) < _SHORTEST
            or _NUMBER.fullmatch(text)
            or text.startswith("1.2.840.10008")
        ):
            continue
        is_named = keyword in BASIC_PROFILE and not _CHARACTERISTICS.search(keyword)
        is_vague = not keyword or _DESCRIBES.search(keyword) is not None
        if (is_named or not keyword) and not (is_vague and _stands_in(text, public)):
            found.add(value)
    return found


def _stands_in(text: str, public: set[str]) -> bool:
    return any(text.casefold() in other for other in public)


def _leaving(ds: Dataset, profile: Profile) -> bytes:
    subject = str(ds.get("PatientID"))
    return write_deidentified(deidentify(ds, profile, PSEUDONYMS, subject=subject))


@pytest.mark.slow
@pytest.mark.parametrize("profile", [BASIC, CLEANED], ids=["basic", "cleaned"])
def test_t84_deid_leak_no_identifying_value_is_in_the_bytes_of_any_real_file(shared_data, profile):
    """T84: every DICOM file, byte for byte; UIDs become the same others everywhere."""
    uids: dict[str, str] = {}
    searched = files = 0
    for path in _files(shared_data):
        ds = read_dataset(path)
        if WITHOUT_CLASS in path.parts:
            ds.SOPClassUID = CTImageStorage
        content = _leaving(ds, profile)
        files += 1
        for keyword, text in _identifying(ds):
            if profile is CLEANED and (not keyword or _DESCRIBES.search(keyword)):
                continue
            # Names of patients and places in whatever letters they were written.
            written = {text.encode(name, "ignore") for name in ("utf-8", "latin-1")}
            assert not any(one in content for one in written if one), (path.name, keyword)
            searched += 1
        left = pydicom.dcmread(io.BytesIO(content))  # noqa: TID251 a reader that is not ours
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            if ds.get(keyword):
                new = uids.setdefault(str(ds[keyword].value), str(left[keyword].value))
                assert new == left[keyword].value
                assert new.startswith("2.25.")
        assert left.PatientIdentityRemoved == "YES"
    assert len(set(uids.values())) == len(uids)
    assert (searched > 1000, files) == (True, 120)


def test_references_between_real_files_follow_the_new_uids(shared_data):
    folder = shared_data / "segmentation" / "ct_liver_dcmqi"
    images = [read_dataset(path) for path in sorted(folder.glob("0*.dcm"))]
    segmentation = read_dataset(folder / "liver.dcm")

    made = [deidentify(ds, BASIC, PSEUDONYMS, subject="one").ds for ds in images]
    drawn = deidentify(segmentation, BASIC, PSEUDONYMS, subject="one").ds

    named = {
        str(element.value)
        for element in drawn.iterall()
        if "ReferencedSOPInstance" in element.keyword
    }
    assert named
    assert named <= {str(ds.SOPInstanceUID) for ds in made}
    assert {str(ds.StudyInstanceUID) for ds in made} == {str(drawn.StudyInstanceUID)}


def _flaws(ds: Dataset, folder: Path) -> set[str]:
    """What the validator has against an object, whatever its UIDs are."""
    return {re.sub(r"<[\d.]+>", "", line) for line in errors_of(ds, folder)}


@pytest.mark.interop
@pytest.mark.parametrize("profile", [BASIC, CLEANED], ids=["basic", "cleaned"])
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "rtstruct.dcm",
        "dicom/pydicom/emri_small.dcm", "dicom/pydicom/liver_nonbyte_aligned.dcm",
        "segmentation/ct_liver_dcmqi/liver.dcm",
    ],
)  # fmt: skip
def test_what_leaves_is_as_valid_as_what_came(request, tmp_path, name, profile):
    """Nothing that its object is invalid without is taken out of it."""
    if "/" in name:
        ds = read_dataset(request.getfixturevalue("shared_data") / name)
    else:
        ds = read_dataset(Path(str(get_testdata_file(name, download=False))))

    made = deidentify(ds, profile, PSEUDONYMS, subject="one").ds

    assert _flaws(made, tmp_path) - _flaws(ds, tmp_path) == set()


# One encoding of each real picture with text in it; the others show the same.
WITH_TEXT = [
    ("wg04/US1_J2KI.dcm", "BAPTIST"),
    ("wg04/VL1_RLE.dcm", "ESOPHAGUS"),
    ("wg04/VL3_J2KR.dcm", "COLON"),
    ("pydicom/JPGLosslessP14SV1_1s_1f_8b.dcm", "Echo"),
    ("pydicom/gdcm-US-ALOKA-16.dcm", "WESTWAY"),
]


@pytest.mark.slow
@pytest.mark.skipif(not can_read_text(), reason="the extra 'ocr' is not installed")
@pytest.mark.parametrize(("name", "word"), WITH_TEXT, ids=[name for name, _ in WITH_TEXT])
def test_t84_deid_leak_text_in_real_pixels_is_gone(shared_data, name, word):
    """T84, pixels: read before and after by a reader that knows nothing of the masks."""
    ds = read_dataset(shared_data / "dicom" / name)
    made = deidentify(ds, BASIC, PSEUDONYMS, subject="one")

    report = clean_pixels(made.ds)

    rows, columns = int(ds.Rows), int(ds.Columns)
    after = read_dataset(io.BytesIO(write_deidentified(made)))
    left = [one for one in read_words(render_frame(after, 0)) if is_text(one, rows, columns)]
    assert [one.text for one in left if not is_marker(one)] == []
    assert any(word in one.text for one in read_words(render_frame(ds, 0)))
    assert len(report.regions) >= 5
    assert after.BurnedInAnnotation == "NO"


@pytest.mark.slow
def test_what_another_engine_changes_is_not_kept_by_ours(shared_data):
    """dicom-anonymizer follows the same table: what it removes or replaces, we don't keep."""
    oracle = pytest.importorskip("dicomanonymizer")
    compared = 0
    for path in _files(shared_data):
        if WITHOUT_CLASS in path.parts or "_J" in path.name:
            continue
        ds = read_dataset(path)
        ours = deidentify(ds, BASIC, PSEUDONYMS, subject="one").ds
        theirs = pydicom.dcmread(path, force=True)  # noqa: TID251 as that engine reads
        oracle.anonymize_dataset(theirs)
        for element in ours:
            if element.VR == "SQ" or element.is_empty or element.tag not in ds:
                continue
            compared += 1
            if element.value == ds[element.tag].value:
                other = theirs.get(element.tag)
                assert other is not None, (path.name, element.keyword)
                assert other.value == element.value, (path.name, element.keyword)
    assert compared > 1000
