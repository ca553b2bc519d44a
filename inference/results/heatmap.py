"""Heat maps as DICOM: a parametric map where images have a place in the patient, else a picture."""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from inference.errors import ResultEncodingError
from inference.results.seg import fix_dimension_uids
from inference.results.sources import finish_result, prepared_sources
from inference.results.types import MANUFACTURER, Algorithm, ResultIdentity

_NO_UNITS = Code("1", "UCUM", "no units")
_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")


def build_heatmap(
    *,
    source_datasets: Sequence[Dataset],
    pictures: Sequence[npt.NDArray[np.uint8]],
    heat_zyx: npt.NDArray[np.float32],
    meaning: str,
    algorithm: Algorithm,
    identity: ResultIdentity,
) -> Dataset:
    """Encode how much each place spoke for an answer.

    Parameters
    ----------
    source_datasets : images that the heat lies on, in slice order, single-frame; or one image
        without a place in the patient, such as a radiograph or ultrasound
    pictures : these as they are shown, (rows, columns) or (rows, columns, 3); the first is used
        where the heat is painted on it
    heat_zyx : (images, rows, columns), 0 to 1
    meaning : what the heat speaks for, for people
    algorithm : the model that made it
    identity : UIDs, number and time of the new object

    Returns
    -------
    Parametric Map (SOP class 1.2.840.10008.5.1.4.1.1.30) of float values; or Secondary Capture
    (1.2.840.10008.5.1.4.1.1.7) with the heat painted over the first image

    Raises
    ------
    ResultEncodingError
        The heat is on another grid, or the images can't be referred to.

    References
    ----------
    DICOM PS3.3 A.75, C.8.32; A.8, C.8.6
    """
    sources = prepared_sources(source_datasets)
    first = sources[0]
    expected = (len(sources), int(first.get("Rows", 0)), int(first.get("Columns", 0)))
    if heat_zyx.shape != expected:
        raise ResultEncodingError(f"The heat map is {heat_zyx.shape}, the images are {expected}.")
    try:
        if all(first.get(keyword) for keyword in _GEOMETRY):
            result = _parametric_map(sources, heat_zyx, meaning, algorithm, identity)
            fix_dimension_uids(result, identity)
        else:
            result = _picture(
                first, blended(pictures[0], heat_zyx[0]), meaning, algorithm, identity
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultEncodingError(f"The heat map can't be encoded: {error}") from error
    # Type 2C, of what may be one of a pair.
    if "Laterality" not in result:
        result.Laterality = str(first.get("Laterality") or "")
    return finish_result(result, first, identity)


def _parametric_map(
    sources: Sequence[Dataset],
    heat_zyx: npt.NDArray[np.float32],
    meaning: str,
    algorithm: Algorithm,
    identity: ResultIdentity,
) -> Dataset:
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="HEAT",
        lut_explanation=meaning[:64],
        unit=_NO_UNITS,
        value_range=(0.0, 1.0),
        slope=1.0,
        intercept=0.0,
    )
    return hd.pm.ParametricMap(
        source_images=sources,
        pixel_array=heat_zyx.astype(np.float32),
        series_instance_uid=identity.series_instance_uid,
        series_number=identity.series_number,
        sop_instance_uid=identity.sop_instance_uid,
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=algorithm.name[:64],
        software_versions=algorithm.version[:64],
        device_serial_number=algorithm.digest[:64],
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=0.5, window_width=1.0)],
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="HEATMAP",
        content_description=_told(meaning, algorithm),
        specific_character_set="ISO_IR 192",
    )


def _picture(
    source: Dataset,
    rgb: npt.NDArray[np.uint8],
    meaning: str,
    algorithm: Algorithm,
    identity: ResultIdentity,
) -> Dataset:
    result = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source,
        pixel_array=rgb,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=identity.series_instance_uid,
        series_number=identity.series_number,
        sop_instance_uid=identity.sop_instance_uid,
        instance_number=1,
        manufacturer=MANUFACTURER,
        patient_orientation=tuple(source.get("PatientOrientation") or ("L", "F")),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        specific_character_set="ISO_IR 192",
    )
    result.ManufacturerModelName = algorithm.name[:64]
    result.SoftwareVersions = algorithm.version[:64]
    result.DeviceSerialNumber = algorithm.digest[:64]
    result.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    result.DerivationDescription = _told(meaning, algorithm, length=1024)
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    result.SourceImageSequence = [reference]
    return result


def _told(meaning: str, algorithm: Algorithm, *, length: int = 64) -> str:
    return f"{algorithm.notice}. {meaning}"[:length] if algorithm.notice else meaning[:length]


def blended(picture: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Paint heat over a picture.

    Parameters
    ----------
    picture : (rows, columns) or (rows, columns, 3)
    heat : (rows, columns), 0 to 1

    Returns
    -------
    (rows, columns, 3) uint8; where there is no heat, the picture as it was
    """
    grey = picture if picture.ndim == 3 else np.repeat(picture[..., np.newaxis], 3, axis=-1)
    strength = np.clip(heat, 0.0, 1.0)[..., np.newaxis]
    # From amber to red, so that it is told from a picture in grey.
    colour = np.concatenate(
        [np.full_like(strength, 255.0), 190.0 * (1.0 - strength), np.full_like(strength, 30.0)],
        axis=-1,
    )
    opacity = 0.6 * np.clip((strength - 0.15) / 0.85, 0.0, 1.0)
    mixed = grey * (1.0 - opacity) + colour * opacity
    return np.asarray(np.clip(mixed.round(), 0, 255), dtype=np.uint8)
