from archive.dicom.attributes import extract_attributes
from archive.dicom.reading import read_header
from deploy.demo.packaged import FILES, packaged_files


def test_all_files_of_the_list_lie_in_the_installed_packages() -> None:
    assert len(packaged_files()) == len(FILES)


def test_they_pass_the_checks_of_ingest_and_show_many_modalities() -> None:
    headers = [read_header(path) for path in packaged_files()]
    modalities = {extract_attributes(header).series.modality for header in headers}
    assert {"CT", "MR", "US", "NM", "SEG", "SR", "RTPLAN", "RTDOSE", "ECG"} <= modalities
    uids = [str(header.ds.SOPInstanceUID) for header in headers]
    assert len(set(uids)) == len(uids)
