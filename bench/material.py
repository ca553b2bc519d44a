"""Fresh CT instances, quickly: real slices of the phantom whose identifiers are exchanged."""

import hashlib
import io
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from deploy.demo.chest import Chest, ChestFindings, chest_slice
from deploy.demo.noise import Grid
from deploy.demo.torso import build_of

SLICES, ROWS = 8, 512
# fixed lengths, so that only bytes move
_UID = "2.25.1" + "{}" * 38
PLACES = {
    "study": "2.25.1" + "1" * 38,
    "series": "2.25.1" + "2" * 38,
    "instance": "2.25.1" + "3" * 38,
    "patient_id": "P" * 16,
    "accession_number": "A" * 16,
    "number": "987654",
    "study_date": "29990101",
}
# One study a day over ten years, as the peers' own generator has them.
_FIRST_DAY, _DAYS = date(2015, 1, 1), 3650


@dataclass(frozen=True)
class Identity:
    """What makes one instance different from the next."""

    study: str
    series: str
    instance: str
    patient_id: str
    accession_number: str
    number: str
    study_date: str


def uid(*names: object) -> str:
    """Return a UID of 44 characters that depends on nothing but the names."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()[:16]
    return f"2.25.{10**38 + int.from_bytes(digest, 'big') % (2 * 10**38)}"


def identities(seed: str, count: int, per_study: int) -> list[Identity]:
    """Plan ``count`` instances, ``per_study`` in the one series of each study."""
    made = []
    tag = hashlib.sha256(seed.encode()).hexdigest()[:6].upper()
    for index in range(count):
        study = index // per_study
        made.append(
            Identity(
                study=uid(seed, "study", study),
                series=uid(seed, "series", study),
                instance=uid(seed, "instance", index),
                patient_id=f"BENCH-{tag}-{study:03d}",
                accession_number=f"B{tag}{study:04d}",
                number=str(index % per_study + 1),
                study_date=f"{_FIRST_DAY + timedelta(days=study % _DAYS):%Y%m%d}",
            )
        )
    return made


class Template:
    """The bytes of one instance and where its identifiers stand."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.places: dict[str, list[int]] = {}
        for name, text in PLACES.items():
            found, at = [], content.find(text.encode())
            while at >= 0:
                found.append(at)
                at = content.find(text.encode(), at + 1)
            self.places[name] = found

    def make(self, identity: Identity) -> bytes:
        """Return the bytes of an instance with this identity."""
        content = bytearray(self.content)
        for name, positions in self.places.items():
            text = getattr(identity, name).encode().ljust(len(PLACES[name]), b" ")
            for at in positions:
                content[at : at + len(text)] = text
        return bytes(content)


@cache
def templates(rows: int = ROWS) -> tuple[Template, ...]:
    """Slices of one chest CT, ``rows`` x ``rows``, 16 bit."""
    build = build_of("bench", is_female=False)
    chest = Chest("bench", build, ChestFindings(), contrast=True, thickness_mm=8)
    grid = Grid(rows, build.field_of_view_mm / rows)
    return tuple(
        Template(_instance(chest_slice(chest, "bench", grid, 90.0 - 22 * index), grid, index))
        for index in range(SLICES)
    )


def _instance(hounsfield: np.ndarray, grid: Grid, index: int) -> bytes:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, PLACES["instance"]
    ds.StudyInstanceUID, ds.SeriesInstanceUID = PLACES["study"], PLACES["series"]
    ds.PatientID, ds.PatientName = PLACES["patient_id"], "Bench^Mark"
    ds.PatientBirthDate, ds.PatientSex = "19700101", "O"
    ds.AccessionNumber, ds.StudyID = PLACES["accession_number"], "1"
    ds.StudyDate, ds.StudyTime = PLACES["study_date"], "101112"
    ds.StudyDescription = "Bench CT"
    ds.Modality, ds.BodyPartExamined, ds.SeriesNumber = "CT", "CHEST", 1
    ds.SeriesDescription, ds.ReferringPhysicianName = "Bench 5.0", "Nobody"
    ds.InstanceNumber = PLACES["number"]
    ds.FrameOfReferenceUID = uid("bench", "frame")
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    corner = f"{grid.axis_mm[0]:.3f}"
    ds.ImagePositionPatient = [corner, corner, str(-8 * index)]
    ds.PixelSpacing, ds.SliceThickness = [f"{grid.pixel_mm:.5f}"] * 2, "8"
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
    ds.WindowCenter, ds.WindowWidth = -600, 1500
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = grid.size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = np.clip(np.rint(hounsfield + 1024), 0, 4095).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        CTImageStorage,
        ds.SOPInstanceUID,
    )
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    file = FileDataset("", ds, file_meta=meta, preamble=b"\0" * 128)
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def files(plan: list[Identity], rows: int = ROWS) -> list[bytes]:
    """Return the bytes of every instance of a plan."""
    made = templates(rows)
    return [made[index % len(made)].make(identity) for index, identity in enumerate(plan)]
