"""Motion is taken off and motor units are not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from muspipe import Recording
from muspipe.preparation.motion import Motion, without_motion
from simulator import SimulationConfig, simulate

T_S = np.arange(400) / 400


def recorded(velocity, frame_rate_hz=400.0, **more):
    return Recording(velocity, frame_rate_hz, 0.625, **more)


def rms(array):
    return np.sqrt(np.mean(np.square(array, dtype=np.float64)))


@pytest.fixture(scope="module")
def sequence():
    return simulate(SimulationConfig.scenario("physiological", n_units=15), 22)


def surface(order):
    """(64, 64, 400): a polynomial of this order that moves with 0.7 and 2.9 Hz, rms 1."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    first, second = (1 + x - 0.5 * y) ** order, (0.3 - y + 0.6 * x) ** order
    slow, less_slow = np.sin(2 * np.pi * 0.7 * T_S + 1), np.sin(2 * np.pi * 2.9 * T_S)
    motion = first[..., None] * slow + 0.5 * second[..., None] * less_slow
    return motion / rms(motion)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("times", [1, 10])
def test_smooth_motion_goes_and_units_stay(sequence, order, times):
    clean = sequence.render()
    moving = sequence.render(20) + times * rms(clean) * surface(order)
    still, motion = without_motion(recorded(moving), 4.5, 3)
    assert motion.order == order and motion.rough_share < 0.01
    assert motion.share == pytest.approx(times**2 / (times**2 + 1.01), abs=0.02)
    assert rms(still.velocity - clean) < 0.115 * rms(clean)  # 0.100 of it is noise


def test_rough_motion_goes_too(sequence):
    clean, rng = sequence.render(), np.random.default_rng(3)
    fields = [gaussian_filter(rng.standard_normal((64, 64)), 5) for _ in range(3)]
    rough = sum(f[..., None] * np.sin(2 * np.pi * hz * T_S + hz) for f, hz in zip(fields, (0.8, 1.9, 3.3), strict=True))
    moving = sequence.render(20) + 2 * rms(clean) * rough / rms(rough)
    still, motion = without_motion(recorded(moving), 4.5, 3)
    assert motion.rough_share > 0.2 and motion.share > 0.7
    assert rms(still.velocity - clean) < 0.15 * rms(clean)
    smooth_only = rms(moving - clean)
    assert smooth_only > 2 * rms(clean)


def test_an_artery_goes_where_it_is(sequence):
    clean = sequence.render()
    y, x = np.mgrid[:64, :64]
    disc = np.exp(-((np.hypot(y - 40, x - 20) / 4) ** 4))
    beat = sum(np.cos(2 * np.pi * h * 1.2 * T_S + 0.3 * h) / h**2 for h in (1, 2, 3))
    moving = sequence.render(20) + 2 * disc[..., None] * beat
    still, motion = without_motion(recorded(moving), 4.5, 3)
    assert motion.order == -1 and motion.rough_share == 1
    np.testing.assert_allclose(motion.rough_power, np.mean((moving - still.velocity) ** 2, axis=2), atol=1e-4)
    far = np.hypot(y - 40, x - 20) > 12
    before, after = rms((moving - clean)[disc > 0.5]), rms((still.velocity - clean)[disc > 0.5])
    assert after < 0.25 * before and rms((still.velocity - moving)[far]) < 0.1 * rms(clean)


@pytest.mark.parametrize("scenario", ["paper", "physiological"])
@pytest.mark.parametrize(
    "n_units, snr_db, changes",
    [
        (25, None, {}),
        (25, 10, {}),
        (40, 20, {}),
        (5, 20, {"firing_rate_hz": (5, 5.01)}),
        (15, 20, {"n_frames": 100}),
        (15, 20, {"n_frames": 800}),
        (15, 20, {"frame_rate_hz": 2000.0, "n_frames": 1000}),
        (5, 20, {"frame_rate_hz": 100.0, "n_frames": 100}),
    ],
)
def test_where_nothing_but_units_moves_nothing_is_taken(scenario, n_units, snr_db, changes):
    config = SimulationConfig.scenario(scenario, n_units=n_units, **changes)
    recording = recorded(simulate(config, 23).render(snr_db), config.frame_rate_hz)
    still, motion = without_motion(recording, 4.5, 3)
    assert still is recording and motion == Motion()


def test_noise_alone_and_rest(sequence):
    noise = np.random.default_rng(4).standard_normal((64, 64, 400)).astype(np.float32)
    for velocity in (noise, gaussian_filter(noise, (2, 2, 0)), noise[:8, :9]):
        assert without_motion(recorded(velocity), 4.5, 3)[1] == Motion(), velocity.shape
    still = recorded(noise).with_velocity(np.zeros_like(noise))
    assert without_motion(still, 4.5, 3)[1] == Motion()


def test_within_a_sector(sequence):
    clean = sequence.render()
    y, x = np.mgrid[:64, :64]
    inside = np.abs(x - 31.5) < 10 + 0.4 * y
    moving = sequence.render(20) + 5 * rms(clean) * surface(2)
    moving[~inside] = np.nan
    still, motion = without_motion(recorded(moving), 4.5, 3)
    assert motion.order == 2 and not still.velocity[~inside].any()
    assert rms((still.velocity - clean)[inside]) < 0.12 * rms(clean[inside])


def test_the_limit_and_the_order_are_kept_to(sequence):
    clean = sequence.render()
    moving = recorded(sequence.render(20) + 5 * rms(clean) * surface(3))
    for below_hz, order, kept in ((4.5, 3, False), (1.5, 3, True), (4.5, 0, False)):
        still, motion = without_motion(moving, below_hz, order)
        assert motion.order <= order
        # 2.9 Hz is beyond 1.5 Hz; what no surface describes goes as a rough pattern
        assert (rms(still.velocity - clean) > 0.4 * rms(clean)) == kept
