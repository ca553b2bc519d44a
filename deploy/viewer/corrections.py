"""What is mended in the pinned release so that it runs under a strict policy and opens reports.

Each mend says why, where it must occur, and how often; a release that is built in another way
is refused rather than half mended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Correction:
    """A change of the viewer's scripts; ``files`` is in how many of them it must occur."""

    reason: str
    pattern: str
    replacement: str
    files: int


def _script(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _literally(text: str) -> str:
    """Return text that stands for itself in a replacement."""
    return text.replace("\\", "\\\\")


_VIEWS = _script("array_views.js")
_IMAGE_THROUGH = _script("image_through.js")
_FRAMED_REPORT = _script("framed_report.js")
CORRECTIONS = (
    Correction(
        reason="ndarray compiles its views from text, for which a page needs 'unsafe-eval': "
        "without it no segmentation opens.",
        pattern=r"^\t?function compileConstructor\(dtype, dimension\) \{$",
        replacement=f"{_VIEWS}function compileConstructorFromText(dtype, dimension) {{",
        files=3,
    ),
    Correction(
        reason="A measurement report whose numbers stand on a segmentation or on whole images "
        "has no coordinates to draw: as a list of measurements OHIF fails on it, as a text "
        "it shows all that it says.",
        pattern=r"(const isImagingMeasurementReport = ConceptNameCodeSequence\?\.CodeValue "
        r"=== [^;\n]+);",
        replacement=r"\1 && "
        r"""/"ValueType":"SCOORD/.test(JSON.stringify(instance.ContentSequence ?? []));""",
        files=1,
    ),
    Correction(
        reason="The same where some measurements of a report have coordinates and some don't.",
        pattern=r"= measurement\.coords\[0\]\.ReferencedSOPSequence;",
        replacement="= measurement.coords[0]?.ReferencedSOPSequence;",
        files=1,
    ),
    Correction(
        reason="Boxes of detectors are polygons in the patient's space (TID 1411): OHIF knows "
        "open lines only, and fails on a polygon, which is a line that ends where it began.",
        pattern=r"case (enums[^\n]*)\.POLYLINE:",
        replacement=r'case \1.POLYLINE: case "POLYGON":',
        files=1,
    ),
    Correction(
        reason="Places in the patient's space (SCOORD3D) belong to the image that they lie on: "
        "in a stack of images OHIF draws none of them otherwise, and doesn't go there.",
        pattern=r"(addSRAnnotation\(\{\s+measurement,)(\s+displaySet: newDisplaySet\s+\}\);)",
        replacement=r"\1 imageId: imageThrough(measurement.coords[0].GraphicData),\2",
        files=1,
    ),
    Correction(
        reason="The same: which image that is.",
        pattern=r"^(  const is3DSR = srDisplaySet\.SOPClassUID === .*)$",
        replacement=f"\\1\n{_literally(_IMAGE_THROUGH)}",
        files=1,
    ),
    Correction(
        reason="The same: the image says where, no plane without a normal.",
        pattern=r"if \(valueType === 'SCOORD3D'\) \{",
        replacement="if (valueType === 'SCOORD3D' && !imageId) {",
        files=1,
    ),
    Correction(
        reason="Parametric maps: OHIF takes a frame's number for its byte, a map for as long "
        "as its series, and drops the order it made. Heat maps hold the warm slices only.",
        pattern=r"sourcePixelData\.buffer, i \* sliceLength, sliceLength\)",
        replacement="sourcePixelData.buffer, sourcePixelData.byteOffset + "
        "i * sliceLength * sourcePixelData.BYTES_PER_ELEMENT, sliceLength)",
        files=1,
    ),
    Correction(
        reason="The same: as many slices as the series has.",
        pattern=r"new sourcePixelData\.constructor\(sourcePixelData\.length\)",
        replacement="new sourcePixelData.constructor("
        "multiframe.Rows * multiframe.Columns * imageIds.length)",
        files=1,
    ),
    Correction(
        reason="The same: in the order of the series.",
        pattern=r"await (ParametricMap_insertPixelDataPlanar\([^;]*\);)\s+"
        r"return \{\s+pixelData\s+\};",
        replacement=r"const placed = await \1 return { pixelData: placed };",
        files=1,
    ),
    Correction(
        reason="An encapsulated PDF would run in the browser's plug-in, beside the session. The "
        "portal draws its pages in a child process: they are framed in its place.",
        pattern=r"const result = getRenderedUrl \? await getRenderedUrl\(\{\s+"
        r"signal: abortController\.signal\s+\}\) : \{\s+url: await renderedUrl\s+\};",
        replacement=_FRAMED_REPORT,
        files=1,
    ),
    Correction(
        reason="The same: the frame.",
        pattern=r'createElement\("object", \{\s+data: url,\s+type: "application/pdf",',
        replacement='createElement("iframe", { src: url || undefined, title: "PDF",',
        files=1,
    ),
)


def corrections() -> tuple[Correction, ...]:
    """Return the mends of the pinned release."""
    return CORRECTIONS


def correct_script(text: str) -> tuple[str, list[int]]:
    """Return a script with what is mended in it, and which mends those were."""
    done = []
    for number, one in enumerate(corrections()):
        # The replacement of code is taken as it stands, except for groups.
        template = one.replacement if r"\1" in one.replacement else _literally(one.replacement)
        text, count = re.subn(one.pattern, template, text, flags=re.MULTILINE)
        if count:
            done.append(number)
    return text, done
