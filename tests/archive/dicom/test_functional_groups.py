from pydicom.dataset import Dataset

from archive.dicom.functional_groups import frame_module


def item(**attrs):
    ds = Dataset()
    for keyword, value in attrs.items():
        setattr(ds, keyword, value)
    return ds


def test_frame_module_prefers_the_frame_over_shared_over_the_instance():
    ds = item(WindowCenter=1)
    ds.SharedFunctionalGroupsSequence = [item(FrameVOILUTSequence=[item(WindowCenter=2)])]
    ds.PerFrameFunctionalGroupsSequence = [
        item(FrameVOILUTSequence=[item(WindowCenter=3)]),
        item(),
    ]

    assert frame_module(ds, "FrameVOILUTSequence", 0).WindowCenter == 3
    assert frame_module(ds, "FrameVOILUTSequence", 1).WindowCenter == 2
    assert frame_module(ds, "FrameVOILUTSequence", 9).WindowCenter == 2
    assert frame_module(ds, "PixelMeasuresSequence", 0) is ds


def test_frame_module_of_a_single_frame_is_the_instance():
    ds = item(WindowCenter=1)
    assert frame_module(ds, "FrameVOILUTSequence", 0) is ds
