"""The Image Pixel module of a data set, as numbers that a decoder can rely on."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from archive.dicom.elements import ElementReader
from archive.dicom.structure import PIXEL_DATA
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, GE_PRIVATE_BIG_PIXELS
from archive.errors import PixelDecodingError

# One frame, decoded; a gigapixel slide is tiled far below this.
MAX_FRAME_BYTES = 512 << 20
_FLOAT_PIXEL_DATA, _DOUBLE_PIXEL_DATA = 0x7FE00008, 0x7FE00009
_TRANSFER_SYNTAX_UID = 0x00020010
# Samples stored for two pixels, where native chroma is subsampled (PS3.3 C.7.6.3.1.2).
_SAMPLES_OF_TWO_PIXELS = {"YBR_FULL_422": 4, "YBR_PARTIAL_422": 4, "YBR_PARTIAL_420": 3}


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """Shape and encoding of the pixel data (PS3.3 C.7.6.3)."""

    tag: int
    rows: int
    columns: int
    samples: int
    frames: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    is_planar: bool
    is_little: bool
    transfer_syntax_uid: str

    @property
    def is_float(self) -> bool:
        """Whether the samples are floating point numbers."""
        return self.tag != PIXEL_DATA

    @property
    def native_frame_bits(self) -> int:
        """Bits of one frame in native encoding, chroma subsampling included."""
        doubled = 2 * self.samples
        if self.samples == 3:
            doubled = _SAMPLES_OF_TWO_PIXELS.get(self.photometric, doubled)
        return self.rows * self.columns * doubled * self.bits_allocated // 2


def describe_pixels(ds: Dataset) -> ImagePixel:
    """Read the Image Pixel module.

    Parameters
    ----------
    ds : data set with pixel data and ``file_meta``

    Returns
    -------
    The description; missing optional values have their defaults.

    Raises
    ------
    PixelDecodingError
        There is no pixel data, its shape is not given, or one frame exceeds `MAX_FRAME_BYTES`.

    References
    ----------
    DICOM PS3.3 C.7.6.3
    """
    tag = next((t for t in (PIXEL_DATA, _FLOAT_PIXEL_DATA, _DOUBLE_PIXEL_DATA) if t in ds), None)
    if tag is None:
        raise PixelDecodingError("The instance has no pixel data.", code="no-pixel-data")
    reader = ElementReader(ds)
    rows, columns = reader.integer(0x00280010) or 0, reader.integer(0x00280011) or 0
    samples = reader.integer(0x00280002) or 1
    bits = reader.integer(0x00280100) or {_FLOAT_PIXEL_DATA: 32, _DOUBLE_PIXEL_DATA: 64}.get(tag, 0)
    if rows <= 0 or columns <= 0 or bits <= 0 or not 1 <= samples <= 4:
        raise PixelDecodingError("The shape of the pixel data is not given.")
    if rows * columns * samples * max(bits, 8) // 8 > MAX_FRAME_BYTES:
        raise PixelDecodingError("One frame is too large to be decoded.", code="frame-too-large")
    stored = reader.integer(0x00280101) or bits
    stored = stored if 0 < stored <= bits else bits
    high_bit = reader.integer(0x00280102)
    if high_bit is None or not stored - 1 <= high_bit < bits:
        high_bit = stored - 1
    syntax, is_little = _syntax_of(ds)
    return ImagePixel(
        tag=tag,
        rows=rows,
        columns=columns,
        samples=samples,
        frames=max(reader.integer(0x00280008) or 1, 1),
        photometric=reader.code(0x00280004) or ("RGB" if samples == 3 else "MONOCHROME2"),
        bits_allocated=bits,
        bits_stored=stored,
        high_bit=high_bit,
        is_signed=reader.integer(0x00280103) == 1,
        is_planar=samples > 1 and reader.integer(0x00280006) == 1,
        is_little=is_little,
        transfer_syntax_uid=syntax,
    )


def _syntax_of(ds: Dataset) -> tuple[str, bool]:
    """Return the transfer syntax and whether native samples are little endian."""
    meta = getattr(ds, "file_meta", None)
    syntax = ElementReader(meta).uid(_TRANSFER_SYNTAX_UID) if meta is not None else ""
    is_little = ds.original_encoding[1] is not False and syntax != GE_PRIVATE_BIG_PIXELS
    return syntax or EXPLICIT_LITTLE, is_little
