"""DICOMDIR: the index of a medium, written from the headers of its files."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.fileset import (
    DIRECTORY_RECORDERS,
    _four_level_record_type,  # the standard's own table, and nowhere else in pydicom
)
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_IN_USE = 0xFFFF
_UTF8 = "ISO_IR 192"
_PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyDate", "StudyTime", "StudyDescription", "StudyInstanceUID", "StudyID",
          "AccessionNumber")  # fmt: skip
_SERIES = ("Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription")
# Type 1 in their records: nothing would make the index unreadable.
_NEEDED = {
    "PatientID": "UNKNOWN",
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "1",
    "Modality": "OT",
    "SeriesNumber": 1,
    "InstanceNumber": 1,
    "ContentDate": "19000101",
    "ContentTime": "000000",
}


@dataclass
class _Node:
    """A record, those below it, and where it will lie."""

    record: Dataset
    below: dict[str, "_Node"] = field(default_factory=dict)
    offset: int = 0


class DirectoryBuilder:
    """Collects the files of a medium and writes their index.

    Parameters
    ----------
    file_set_id : name of the medium, at most sixteen capitals, digits and underscores
    sop_instance_uid : of the index
    """

    def __init__(self, file_set_id: str, sop_instance_uid: str) -> None:
        self._file_set_id = file_set_id
        self._uid = sop_instance_uid
        self._patients: dict[str, _Node] = {}

    def add(self, ds: Dataset, file_id: tuple[str, ...]) -> None:
        """Note a file.

        Parameters
        ----------
        ds : its header, with file meta information that names its transfer syntax
        file_id : its place on the medium: one to eight names of capitals, digits, underscores
        """
        source = _completed(ds)
        patient = self._patients.setdefault(
            str(source.PatientID), _Node(_record("PATIENT", source, _PATIENT))
        )
        study = patient.below.setdefault(
            str(source.StudyInstanceUID), _Node(_record("STUDY", source, _STUDY))
        )
        series = study.below.setdefault(
            str(source.SeriesInstanceUID), _Node(_record("SERIES", source, _SERIES))
        )
        series.below[str(source.SOPInstanceUID)] = _Node(_leaf(source, file_id))

    def to_bytes(self) -> bytes:
        """Write the index.

        Returns
        -------
        the file DICOMDIR

        References
        ----------
        DICOM PS3.10 section 8, PS3.3 annex F
        """
        head = self._head()
        nodes = list(_depth_first(self._patients))
        # Offsets are of four bytes whatever they say: lengths are known before the offsets are.
        at = len(head) + len(self._dataset(0, 0)) + 12
        for node in nodes:
            node.offset = at
            at += 8 + len(_encoded(node.record))
        _link(self._patients)
        items = b"".join(_item(_encoded(node.record)) for node in nodes)
        first, last = _ends(self._patients)
        sequence = b"\x04\x00\x20\x12SQ\0\0" + len(items).to_bytes(4, "little")
        return head + self._dataset(first, last) + sequence + items

    def _head(self) -> bytes:
        meta = FileMetaDataset()
        meta.FileMetaInformationVersion = b"\0\1"
        meta.MediaStorageSOPClassUID = UID(MEDIA_DIRECTORY)
        meta.MediaStorageSOPInstanceUID = UID(self._uid)
        meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
        meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
        buffer = DicomBytesIO()
        write_file_meta_info(buffer, meta)
        return bytes(128) + b"DICM" + buffer.getvalue()

    def _dataset(self, first: int, last: int) -> bytes:
        ds = Dataset()
        ds.FileSetID = self._file_set_id
        ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = first
        ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = last
        ds.FileSetConsistencyFlag = 0
        return _encoded(ds)


def _completed(ds: Dataset) -> Dataset:
    """Return the header with what its records can't do without."""
    source = Dataset()
    source.update(ds)
    source.file_meta = ds.file_meta
    for keyword, value in _NEEDED.items():
        if source.get(keyword) in (None, ""):
            setattr(source, keyword, value)
    return source


def _record(kind: str, source: Dataset, keywords: tuple[str, ...]) -> Dataset:
    record = _bare(kind)
    for keyword in keywords:
        setattr(record, keyword, source.get(keyword))
    return record


def _bare(kind: str) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = _IN_USE
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    record.SpecificCharacterSet = _UTF8
    return record


def _leaf(source: Dataset, file_id: tuple[str, ...]) -> Dataset:
    kind = _four_level_record_type(source)
    try:
        more = DIRECTORY_RECORDERS[kind](source)
    except (ValueError, AttributeError, KeyError):
        # It lacks what its own record must say: it is listed all the same.
        kind, more = "IMAGE", Dataset()
        more.InstanceNumber = source.InstanceNumber
    record = _bare(kind)
    record.update(more)
    record.ReferencedFileID = list(file_id)
    record.ReferencedSOPClassUIDInFile = source.SOPClassUID
    record.ReferencedSOPInstanceUIDInFile = source.SOPInstanceUID
    record.ReferencedTransferSyntaxUIDInFile = source.file_meta.TransferSyntaxUID
    return record


def _depth_first(nodes: dict[str, _Node]) -> Iterator[_Node]:
    for node in nodes.values():
        yield node
        yield from _depth_first(node.below)


def _link(nodes: dict[str, _Node]) -> None:
    """Point each record at the next one beside it, and at the first one below."""
    beside = list(nodes.values())
    for number, node in enumerate(beside, start=1):
        following = beside[number] if number < len(beside) else None
        node.record.OffsetOfTheNextDirectoryRecord = following.offset if following else 0
        first, _ = _ends(node.below)
        node.record.OffsetOfReferencedLowerLevelDirectoryEntity = first
        _link(node.below)


def _ends(nodes: dict[str, _Node]) -> tuple[int, int]:
    offsets = [node.offset for node in nodes.values()]
    return (offsets[0], offsets[-1]) if offsets else (0, 0)


def _item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content


def _encoded(ds: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, ds, parent_encoding="utf8")
    return buffer.getvalue()
