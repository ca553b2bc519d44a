"""From a package to a folder that can be served; all or nothing."""

import gzip
import io
import json
import tarfile

import pytest

from deploy.viewer import staging
from deploy.viewer.corrections import Correction, correct_script, corrections
from deploy.viewer.release import ViewerInstallError
from deploy.viewer.staging import is_kept, remove_viewer, stage_package
from tests.deploy.viewer.test_rewriting import PAGE

SCRIPT = 'f(); __webpack_require__.p = "/"; broken(1);'
FILES = {
    "index.html": PAGE,
    "app.bundle.0f6159c501addfe9.js": SCRIPT + " " * 2000,
    "app.bundle.js.map": "{}",
    "sw.js": "importScripts('https://elsewhere')",
    "ort/model.onnx": "large",
    "assets/favicon.ico": "icon",
    "assets/apple-touch-icon.png": "icon",
    "../../outside.js": "no",
}


@pytest.fixture
def make_package(tmp_path):
    def make(files):
        path = tmp_path / "viewer.tgz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"package/dist/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return path

    return make


@pytest.fixture(autouse=True)
def one_correction(monkeypatch):
    """The pinned release is too large for a test; its mends are tried on a line."""
    one = (Correction("It is broken.", r"broken\((\d)\)", r"mended(\1)", files=1),)
    monkeypatch.setattr(staging, "corrections", lambda: one)
    monkeypatch.setattr(
        staging, "correct_script", lambda text: (text.replace("broken", "mended"), [0])
    )


def test_a_package_is_chosen_rewritten_compressed_and_listed(make_package, tmp_path):
    target = tmp_path / "home" / "viewer"

    staged = stage_package(make_package(FILES), target, prefix="/viewer/")

    listed = json.loads((target / "viewer.json").read_text())
    assert set(listed["files"]) == {
        "public-url.js",
        "index.html",
        "app.bundle.0f6159c501addfe9.js",
        "assets/favicon.ico",
    }
    assert staged.files == 4
    assert staged.sent_bytes < staged.raw_bytes
    script = (target / "app.bundle.0f6159c501addfe9.js").read_bytes()
    assert b'__webpack_require__.p = "/viewer/"; mended(1);' in script
    packed = (target / "app.bundle.0f6159c501addfe9.js.gz").read_bytes()
    assert gzip.decompress(packed) == script
    assert not (tmp_path / "outside.js").exists()


def test_a_new_release_takes_the_place_of_the_former_one(make_package, tmp_path):
    target = tmp_path / "viewer"
    stage_package(make_package({**FILES, "old.txt": "old"}), target, prefix="/viewer/")
    stage_package(make_package(FILES), target, prefix="/viewer/")

    assert not (target / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".viewer")] == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"readme.txt": "nothing"}, "must be mended|index.html is missing"),
        ({**FILES, "second.js": "x"}, "must be mended"),
        ({**FILES, "index.html": "<head></head>"}, "another way"),
    ],
)
def test_another_package_leaves_what_was_installed(make_package, tmp_path, files, said):
    target = tmp_path / "viewer"
    stage_package(make_package(FILES), target, prefix="/viewer/")

    with pytest.raises(ViewerInstallError, match=said):
        stage_package(make_package(files), target, prefix="/viewer/")
    assert (target / "index.html").exists()


def test_a_broken_package_is_refused(tmp_path):
    package = tmp_path / "broken.tgz"
    package.write_bytes(b"no archive")
    with pytest.raises(ViewerInstallError, match="could not be unpacked"):
        stage_package(package, tmp_path / "viewer", prefix="/viewer/")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.js", "a/../../x.js", "x.js.gz", "google.js"])
def test_what_leads_out_or_is_of_no_use_is_left_out(name):
    assert not is_kept(name)


def test_a_viewer_is_removed_once(make_package, tmp_path):
    target = tmp_path / "viewer"
    stage_package(make_package(FILES), target, prefix="/viewer/")
    assert remove_viewer(target)
    assert not remove_viewer(target)


LINES = (
    "\tfunction compileConstructor(dtype, dimension) {\n",
    "  const isImagingMeasurementReport = ConceptNameCodeSequence?.CodeValue === enums.Report;\n",
    "  const sequence = measurement.coords[0].ReferencedSOPSequence;\n",
    "    case enums/* .SCOORDTypes.POLYLINE */.sh.POLYLINE:\n",
    "addSRAnnotation({\n  measurement,\n  displaySet: newDisplaySet\n});\n",
    "  const is3DSR = srDisplaySet.SOPClassUID === sopClasses.Comprehensive3DSR;\n",
    "  if (valueType === 'SCOORD3D') {\n",
    "new source(sourcePixelData.buffer, i * sliceLength, sliceLength);\n",
    "new sourcePixelData.constructor(sourcePixelData.length);\n",
    "  await ParametricMap_insertPixelDataPlanar(a, b);\n  return {\n    pixelData\n  };\n",
    (
        "const result = getRenderedUrl ? await getRenderedUrl({\n  signal: abortController.signal\n"
        "}) : {\n  url: await renderedUrl\n};\n"
    ),
    'react.createElement("object", {\n  data: url,\n  type: "application/pdf",\n',
)


@pytest.mark.parametrize("number", range(len(LINES)))
def test_each_mend_finds_what_it_mends(number):
    text, done = correct_script(f"before\n{LINES[number]}after\n")
    assert done == [number]
    assert text.startswith("before\n")
    # One mend adds a line after the one it knows.
    assert text != f"before\n{LINES[number]}after\n"
    assert len(corrections()) == len(LINES)
