import torch

from inference.training.brain_tissue.fields import blurred, chance, largest_of, smooth_field


def test_smooth_field_changes_slowly():
    torch.manual_seed(0)
    field = smooth_field((40, 40, 40), 20.0, channels=2)
    assert field.shape == (2, 40, 40, 40)
    assert float(field[:, 1:].sub(field[:, :-1]).abs().max()) < 0.4


def test_blurred_keeps_an_even_image_and_spreads_a_point():
    assert torch.allclose(blurred(torch.full((1, 6, 6, 6), 0.5), 0.8), torch.tensor(0.5))
    point = torch.zeros(1, 9, 9, 9)
    point[0, 4, 4, 4] = 1.0
    spread = blurred(point, 1.0)
    assert spread[0, 4, 4, 4] == spread.max() < 0.1
    assert torch.isclose(spread.sum(), torch.tensor(1.0), atol=0.02)


def test_largest_of_is_argmax():
    torch.manual_seed(0)
    layers = torch.rand(4, 5, 6, 7)
    assert torch.equal(largest_of(layers), layers.argmax(dim=0))


def test_chance_of_none_and_of_all():
    assert not any(chance(0.0) for _ in range(20))
    assert all(chance(1.1) for _ in range(20))
