import numpy as np
import pytest
from PIL import Image

from inference.errors import UnsupportedInputError
from inference.training.labelled_images import read_labelled_images

HEADER = "file,label,group,modality,body_part,patient,licence,source,source_file\n"


def test_read_labelled_images_takes_the_file_for_an_unknown_patient(tmp_path):
    Image.fromarray(np.zeros((3, 4, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    rows = "a.png,x,g,CR,CHEST,P1,CC0,s,f\na.png,x,g,MR,BRAIN,,CC0,s,f\n"
    (tmp_path / "labels.csv").write_text(HEADER + rows)

    first, second = read_labelled_images(tmp_path)

    assert (first.pair, first.patient) == ("DX/CHEST", "P1")
    assert (second.pair, second.patient) == ("MR/BRAIN", "a.png")
    assert first.pixels().shape == (3, 4)


@pytest.mark.parametrize("content", [None, "", HEADER, "file,label\na,b\n"])
def test_read_labelled_images_refuses_what_is_no_list(tmp_path, content):
    if content is not None:
        (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(UnsupportedInputError):
        read_labelled_images(tmp_path)
