import numpy as np

from deploy.demo.noise import Grid, SmoothField, ct_noise, named_rng, rician, spline_basis


def test_a_name_always_gives_the_same_stream() -> None:
    assert named_rng("a", 1).random() == named_rng("a", 1).random()
    assert named_rng("a", 1).random() != named_rng("a", 2).random()


def test_spline_weights_sum_to_one_inside_the_lattice() -> None:
    weights = spline_basis(np.linspace(-50, 50, 33).astype(np.float32), 10, 20)
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)
    assert (np.count_nonzero(weights, axis=1) <= 4).all()


def test_a_smooth_field_varies_over_its_scale() -> None:
    grid = Grid(128, 2.0)
    field = SmoothField(named_rng("field"), 20)
    values = field.on(grid, 3.0)
    assert 0.7 < values.std() < 1.3
    assert np.abs(np.diff(values, axis=0)).max() < 0.6
    near, far = field.on(grid, 5.0), field.on(grid, 80.0)
    assert np.abs(near - values).mean() < np.abs(far - values).mean()


def test_a_field_answers_for_two_grids() -> None:
    field = SmoothField(named_rng("field"), 20)
    assert field.on(Grid(64, 2.0), 0).shape == (64, 64)
    assert field.on(Grid(32, 2.0), 0).shape == (32, 32)


def test_ct_noise_has_the_deviation_asked_for_and_no_drift() -> None:
    noise = ct_noise(named_rng("ct"), 256, 12)
    assert np.isclose(noise.std(), 12, rtol=0.01)
    assert abs(noise.mean()) < 0.1


def test_rician_noise_lifts_the_background() -> None:
    values = rician(named_rng("mr"), np.zeros((64, 64), np.float32), 10)
    assert values.min() >= 0
    assert 10 < values.mean() < 15
