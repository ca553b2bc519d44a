import io

import numpy as np
import pytest

from archive.dicom.reading import read_dataset
from archive.dicom.rendering import render_frame
from bench.retrieval_figures import Figures
from bench.retrieval_product import Row, as_dicom, tables
from inference.training.labelled_images import read_labelled_images
from tests.builders.labelled_images import make_striped_set


@pytest.fixture
def images(tmp_path):
    return read_labelled_images(make_striped_set(tmp_path, count=2))


@pytest.mark.parametrize("index", [0, 1])
def test_a_wrapped_image_is_displayed_as_its_pixels(images, index):
    ds = read_dataset(io.BytesIO(as_dicom(images[index], "x")))

    assert (render_frame(ds, 0) == images[index].pixels()).all()
    assert (ds.Modality, ds.BodyPartExamined) == (images[index].modality, images[index].body_part)


def test_each_image_is_a_study_of_its_source_patient(images):
    first, again, second = (
        read_dataset(io.BytesIO(as_dicom(image, name)))
        for image, name in ((images[0], "a"), (images[0], "a"), (images[1], "b"))
    )

    assert first.StudyInstanceUID == again.StudyInstanceUID != second.StudyInstanceUID
    assert [first.PatientID, second.PatientID] == ["p0", "p1"]


def test_rows_of_two_archives_are_joined():
    def row(queries, value, table="halves"):
        figures = Figures(queries, value, value, value, value, (value,) * 3)
        return Row(table, "space", figures)

    text = tables([row(1, 1.0), row(3, 0.0), row(2, 0.5, "all")])

    assert text.count("| space |") == 2
    assert "| space |  | " + " | ".join(["0.250"] * 7) in text
    assert np.isfinite(row(1, 1.0).figures.values()).all()
