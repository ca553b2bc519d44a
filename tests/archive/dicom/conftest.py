"""Real files for the DICOM room: those that pydicom ships, and those beside the repository."""

from pathlib import Path

import pydicom.data
import pytest

PYDICOM_DATA = Path(pydicom.data.__file__).parent
TEST_FILES = PYDICOM_DATA / "test_files"
NOT_DICOM = {".py", ".pyc", ".json", ".txt", ".md", ".icc", ".dump", ".gz"}


def all_pydicom_files() -> list[Path]:
    """List the DICOM files of the installed pydicom, few of the many alike ones."""
    return sorted(
        path
        for path in PYDICOM_DATA.rglob("*")
        if path.is_file()
        and path.suffix not in NOT_DICOM
        and "TINY_ALPHA" not in path.parts
        and not path.name.startswith("README")
    )


@pytest.fixture(scope="session")
def real_files(request: pytest.FixtureRequest) -> list[Path]:
    """Every real file at hand; those beside the repository only where they are."""
    files = all_pydicom_files()
    shared = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "dicom"
    if shared.is_dir():
        files += sorted(path for path in shared.resolve().rglob("*") if path.is_file())
    return files


@pytest.fixture(scope="session")
def wg04(shared_data: Path) -> Path:
    """The NEMA compression images, each in many transfer syntaxes."""
    return shared_data / "dicom" / "wg04"


@pytest.fixture(scope="session")
def pydicom_extra(shared_data: Path) -> Path:
    """Files of pydicom-data that its wheel leaves out."""
    return shared_data / "dicom" / "pydicom"
