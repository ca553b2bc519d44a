"""Why these two? Which places of two pictures look alike, by the network that ranked them."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from django.utils.translation import gettext
from PIL import Image

from archive.audit import services as audit
from archive.dicom.rendering import encode_image
from archive.errors import NotVisibleError
from archive.models import Instance
from inference.pipelines.patches import LikenessMap, PatchPair, compare_patches, place_patches
from inference.similarity.errors import InvalidQueryError, NoPatchesError
from inference.similarity.pictures import cropped, decode_upload, stored_picture
from inference.similarity.spaces.embedder import DESCRIPTOR, encoder_of, load_encoder
from inference.similarity.spaces.registry import find_space

if TYPE_CHECKING:
    import numpy.typing as npt

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace
    from inference.pipelines.patches import Likeness, Patches
    from inference.similarity.types import Region

# What a page shows of a picture; the map itself is far coarser.
SHOWN_SIDE = 1024
_UPLOADED_SIDE = 768
_QUALITY = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A picture to compare: a stored instance's frame or an uploaded image, or a region of it.

    ``frame`` counts from 1, the middle one where None; ``image`` holds the bytes of a DICOM
    file, PNG or JPEG.
    """

    instance: str = ""
    frame: int | None = None
    region: Region | None = None
    image: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapQuery:
    """Two pictures, and the space by whose network they are compared; empty for the default."""

    query: Place
    result: Place
    space: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedPicture:
    """A picture with its map, which covers ``region``, the whole picture where that is None.

    ``picture`` is a path of the DICOMweb door, or a ``data:`` URL of an upload, which exists
    nowhere else.
    """

    instance_uid: str
    frame: int | None
    rows: int
    columns: int
    region: Region | None
    picture: str = field(repr=False)
    map: LikenessMap


@dataclass(frozen=True, slots=True, kw_only=True)
class MapAnswer:
    """Two pictures compared place by place; pairs are the places most alike, best first."""

    query: MappedPicture
    result: MappedPicture
    pairs: tuple[PatchPair, ...]
    space: str
    took_ms: float


def compare_places(user: AnyUser, asked: MapQuery, *, asker: Asker | None = None) -> MapAnswer:
    """Show which places of two pictures look alike to a space's network.

    Parameters
    ----------
    user : the asker; both pictures lie inside their rights, or are their own upload
    asked : the two pictures and the space
    asker : both are written to the audit trail as read where given

    Returns
    -------
    A map on each picture and the pairs of places.

    Raises
    ------
    NotVisibleError
        An instance is absent or outside the asker's rights.
    InvalidQueryError
        A field is wrong: its ``field`` says which. Children: UnknownSpaceError, NoPatchesError
        where the space is not made by a network with places, UndecodableImageError.
    UnsupportedInputError
        An instance has no image, or one that can't be decoded.
    ModelUnavailableError
        The network's file is not on this machine.
    """
    started = time.perf_counter()
    _check(asked)
    space = find_space(asked.space)
    _require_patches(space)
    ours, theirs = _read(user, asked.query), _read(user, asked.result)
    if asker is not None:
        for uid in dict.fromkeys(filter(None, (ours.study_uid, theirs.study_uid))):
            audit.record_access(asker, study_instance_uid=uid, what="similarity-map")
    likeness = _compare(space, ours, theirs)
    return MapAnswer(
        query=_mapped(ours, likeness.query),
        result=_mapped(theirs, likeness.result),
        pairs=likeness.pairs,
        space=space.name,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Display values of a picture, and where they came from."""

    pixels: npt.NDArray[np.uint8]
    region: Region | None
    frame: int | None
    instance_uid: str = ""
    study_uid: str = ""
    path: str = ""


def _check(asked: MapQuery) -> None:
    for name, place in (("query", asked.query), ("result", asked.result)):
        if bool(place.instance) == bool(place.image):
            raise InvalidQueryError(
                gettext("The %(name)s is one instance or one image.") % {"name": name}, field=name
            )
        if "\x00" in place.instance:
            raise InvalidQueryError(gettext("A NUL character is no part of a text."), field=name)
        if place.frame is not None and place.frame < 1:
            raise InvalidQueryError(gettext("Frames are counted from 1."), field="frame")


def _require_patches(space: EmbeddingSpace) -> None:
    made_by = space
    while made_by.base_space is not None:
        made_by = made_by.base_space
    is_network = made_by.model_version.pipeline != DESCRIPTOR
    if not is_network or not load_encoder(space).has_patches:
        message = f"The space {space.name} compares whole pictures and knows no places in them."
        raise NoPatchesError(message, field="space")


def _read(user: AnyUser, place: Place) -> _Read:
    if place.image:
        picture = decode_upload(place.image, frame=place.frame)
        cropped(picture.pixels, place.region)
        return _Read(pixels=picture.pixels, region=place.region, frame=place.frame)
    visible = Instance.objects.visible_to(user).select_related("series__study", "blob")
    instance = visible.filter(sop_instance_uid=place.instance).first()
    if instance is None:
        raise NotVisibleError("There is no such instance.")
    frame = place.frame or (instance.number_of_frames or 1) // 2 + 1
    pixels = stored_picture(instance, place.frame)
    cropped(pixels, place.region)
    study_uid = instance.series.study.study_instance_uid
    series_uid = instance.series.series_instance_uid
    return _Read(
        pixels=pixels,
        region=place.region,
        frame=frame,
        instance_uid=instance.sop_instance_uid,
        study_uid=study_uid,
        path=f"/dicom-web/studies/{study_uid}/series/{series_uid}"
        f"/instances/{instance.sop_instance_uid}/frames/{frame}/rendered"
        f"?viewport={SHOWN_SIDE},{SHOWN_SIDE}",
    )


def _compare(space: EmbeddingSpace, ours: _Read, theirs: _Read) -> Likeness:
    encoder, network = encoder_of(space), load_encoder(space)

    def places_of(read: _Read) -> Patches:
        pixels = cropped(read.pixels, read.region)
        (features,) = network.embed_patches([encoder.prepare(pixels)])
        return place_patches(features, pixels)

    return compare_patches(places_of(ours), places_of(theirs))


def _mapped(read: _Read, likeness: LikenessMap) -> MappedPicture:
    return MappedPicture(
        instance_uid=read.instance_uid,
        frame=read.frame,
        rows=read.pixels.shape[0],
        columns=read.pixels.shape[1],
        region=read.region,
        picture=read.path or _as_data_url(read.pixels),
        map=likeness,
    )


def _as_data_url(pixels: npt.NDArray[np.uint8]) -> str:
    small = Image.fromarray(pixels)
    small.thumbnail((_UPLOADED_SIDE, _UPLOADED_SIDE))
    content = base64.b64encode(encode_image(np.asarray(small), "jpeg", _QUALITY))
    return f"data:image/jpeg;base64,{content.decode('ascii')}"
