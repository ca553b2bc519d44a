import pytest

from archive.dicom.transfer_syntaxes import is_encapsulated, is_video, layout_of


@pytest.mark.parametrize(
    "native",
    ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"],
)
def test_is_encapsulated_is_false_for_native_syntaxes(native):
    assert not is_encapsulated(native)


def test_is_encapsulated_is_true_for_compressed_and_unknown_syntaxes():
    assert is_encapsulated("1.2.840.10008.1.2.4.90")
    assert is_encapsulated("1.2.840.10008.1.2.5")


def test_is_video_knows_mpeg_and_hevc_but_not_jpeg():
    assert is_video("1.2.840.10008.1.2.4.102")
    assert not is_video("1.2.840.10008.1.2.4.90")


@pytest.mark.parametrize("is_little", [True, False])
@pytest.mark.parametrize("is_implicit", [True, False])
def test_layout_of_shares_one_object_an_encoding(is_implicit, is_little):
    layout = layout_of(is_implicit=is_implicit, is_little=is_little)

    assert layout is layout_of(is_implicit=is_implicit, is_little=is_little)
    assert (layout.is_implicit, layout.is_little) == (is_implicit, is_little)
    order = "little" if is_little else "big"
    data = (0x0028).to_bytes(2, order) + (0x0010).to_bytes(2, order) + (7).to_bytes(4, order)
    assert layout.unpack_implicit(data, 0) == (0x0028, 0x0010, 7)
