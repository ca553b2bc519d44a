"""Which places of two pictures look alike: inside rights, and nothing of an upload is kept."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from archive.audit.types import Asker
from archive.errors import NotVisibleError
from archive.models import AuditEvent, Blob
from inference.errors import UnsupportedInputError
from inference.models import ModelVersion
from inference.similarity.errors import (
    InvalidQueryError,
    NoPatchesError,
    UndecodableImageError,
    UnknownSpaceError,
)
from inference.similarity.explaining.maps import MapQuery, Place, compare_places
from inference.similarity.spaces.embedder import DESCRIPTOR
from inference.similarity.spaces.registry import register_space
from inference.similarity.types import Region
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db


def blobs(seed, rows=128, columns=128):
    """A CT-like slice of smooth blobs."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (rows // 16, columns // 16), dtype=np.uint8)
    picture = np.array(Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC))
    return (picture.astype(np.int16) * 4 - 400).astype(np.int16)


def stored(project, pixels, **attributes):
    rows, columns = pixels.shape
    ds = make_dataset(
        Rows=rows,
        Columns=columns,
        PixelData=pixels.astype("<i2").tobytes(),
        RescaleIntercept=0,
        WindowCenter=110,
        WindowWidth=1020,
        **attributes,
    )
    return store_datasets(ds, project=project)[0]


def png_of(pixels):
    stream = io.BytesIO()
    values = np.clip((pixels.astype(float) + 400) / 4, 0, 255).astype(np.uint8)
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def pair(project, real_space):
    """Two instances: the second has the first's left half as its right one."""
    one, other = blobs(1), blobs(2)
    other[:, 64:] = one[:, :64]
    return stored(project, one), stored(project, other)


def asked_of(pair, **query):
    ours, theirs = (instance.sop_instance_uid for instance in pair)
    return MapQuery(query=Place(instance=ours, **query), result=Place(instance=theirs))


def test_moved_half_is_found_at_its_new_place(radiologist, pair):
    answer = compare_places(radiologist, asked_of(pair))

    values, best = answer.query.map.values, answer.query.map.best
    assert values.shape == (14, 14)
    assert values[2:-2, 1:6].mean() > values[2:-2, 8:13].mean() + 0.2
    columns = best[3:11, 2:5] % 14
    assert np.abs(columns - (np.arange(2, 5) + 7)).max() <= 2
    assert answer.pairs
    assert (answer.query.rows, answer.query.columns) == (128, 128)
    assert answer.took_ms > 0


def test_pictures_are_those_of_the_archive(radiologist, pair, client):
    answer = compare_places(radiologist, asked_of(pair))

    client.force_login(radiologist)
    for shown in (answer.query, answer.result):
        response = client.get(shown.picture)
        assert response.status_code == 200
        assert response["Content-Type"].startswith("image/")


def test_region_is_what_the_map_covers(radiologist, pair):
    region = Region(0, 0, 64, 128)
    answer = compare_places(radiologist, asked_of(pair, region=region))

    assert answer.query.region == region
    assert answer.query.map.values.shape == (14, 7)
    assert answer.query.columns == 128
    assert answer.query.map.values.mean() > 0.3


def test_upload_is_compared_and_shown_from_the_answer_alone(radiologist, pair):
    kept = Blob.objects.count()
    query = MapQuery(
        query=Place(image=png_of(blobs(1))), result=Place(instance=pair[0].sop_instance_uid)
    )
    answer = compare_places(radiologist, query)

    assert answer.query.map.values.mean() > 0.8
    assert answer.query.instance_uid == ""
    head, _, content = answer.query.picture.partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as shown:
        assert shown.size == (128, 128)
    assert Blob.objects.count() == kept


def test_large_upload_is_shown_smaller(radiologist, pair):
    query = MapQuery(
        query=Place(image=png_of(blobs(1, 64, 1600))),
        result=Place(instance=pair[0].sop_instance_uid),
    )
    answer = compare_places(radiologist, query)

    content = base64.b64decode(answer.query.picture.partition(",")[2])
    with Image.open(io.BytesIO(content)) as shown:
        assert shown.size[0] == 768
    assert answer.query.columns == 1600


def test_both_are_written_to_the_audit_trail_as_read(radiologist, pair):
    compare_places(radiologist, asked_of(pair), asker=Asker(door="rest", user=radiologist))

    events = AuditEvent.objects.filter(act="similarity-map")
    assert {event.study_instance_uid for event in events} == {
        instance.series.study.study_instance_uid for instance in pair
    }
    assert {event.event_id for event in events} == {"110103"}


@pytest.mark.parametrize("side", ["query", "result"])
def test_what_lies_outside_the_rights_is_not_there(radiologist, pair, other_project, side):
    hidden = stored(other_project, blobs(3)).sop_instance_uid
    places = {"query": pair[0].sop_instance_uid, "result": pair[1].sop_instance_uid, side: hidden}

    for uid in (hidden, "1.2.3.4"):
        places[side] = uid
        with pytest.raises(NotVisibleError, match="There is no such instance"):
            compare_places(
                radiologist,
                MapQuery(query=Place(instance=places["query"]), result=Place(instance=uid))
                if side == "result"
                else MapQuery(query=Place(instance=uid), result=Place(instance=places["result"])),
            )
    assert not AuditEvent.objects.filter(act="similarity-map").exists()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (Place(), "query"),
        (Place(instance="1.2", image=b"x"), "query"),
        (Place(instance="1.2\x00"), "query"),
        (Place(instance="1.2", frame=0), "frame"),
    ],
)
def test_wrong_query_is_named(radiologist, pair, query, field):
    asked = MapQuery(query=query, result=Place(instance=pair[1].sop_instance_uid))
    with pytest.raises(InvalidQueryError) as caught:
        compare_places(radiologist, asked)
    assert caught.value.field == field


def test_frame_that_is_not_there_is_named(radiologist, pair):
    with pytest.raises(InvalidQueryError) as caught:
        compare_places(radiologist, asked_of(pair, frame=2))
    assert caught.value.field == "frame"


def test_region_outside_the_frame_is_named(radiologist, pair):
    with pytest.raises(InvalidQueryError) as caught:
        compare_places(radiologist, asked_of(pair, region=Region(100, 100, 50, 50)))
    assert caught.value.field == "region"


def test_upload_that_is_no_picture_is_refused(radiologist, pair):
    asked = MapQuery(
        query=Place(image=b"no picture"), result=Place(instance=pair[1].sop_instance_uid)
    )
    with pytest.raises(UndecodableImageError):
        compare_places(radiologist, asked)


def test_instance_without_an_image_is_refused(radiologist, pair, project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    report = InstanceFactory(series=series, has_pixel_data=False)
    asked = MapQuery(
        query=Place(instance=pair[0].sop_instance_uid),
        result=Place(instance=report.sop_instance_uid),
    )
    with pytest.raises(UnsupportedInputError):
        compare_places(radiologist, asked)


def test_space_without_places_says_so(radiologist, pair):
    version = ModelVersionFactory(task=ModelVersion.Task.EMBED, pipeline=DESCRIPTOR)
    classical = register_space(version, dimension=8, name="classical")
    ours, theirs = (Place(instance=instance.sop_instance_uid) for instance in pair)

    with pytest.raises(NoPatchesError) as caught:
        compare_places(radiologist, MapQuery(query=ours, result=theirs, space=classical.name))
    assert caught.value.field == "space"


def test_unknown_space_is_named(radiologist, pair):
    ours, theirs = (Place(instance=instance.sop_instance_uid) for instance in pair)
    with pytest.raises(UnknownSpaceError):
        compare_places(radiologist, MapQuery(query=ours, result=theirs, space="none"))
