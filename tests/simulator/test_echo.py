"""Scenario echo: shapes, dragging, amplitudes and motion, each against numbers of its own."""

import dataclasses

import numpy as np
import pytest

from simulator import SimulationConfig, simulate
from simulator.activity import concurrent_firings
from simulator.motion import motion_components
from simulator.outlines import draw_tissue, muscle_share, relative_radius, still_layers_mm


def echo(seed=1, *, tissue=None, motion=None, echo=None, **changes):
    """A sequence of scenario echo; tissue, motion, echo: changes of its parts."""
    config = SimulationConfig.scenario("echo", **changes)
    parts = {
        name: dataclasses.replace(getattr(config, name), **(given or {}))
        for name, given in (("tissue", tissue), ("motion", motion), ("echo", echo))
    }
    return simulate(dataclasses.replace(config, **parts), seed)


ROUND = {"axis_ratio": (1, 1), "irregularity": (0, 0), "gaps": (0, 0), "drag_share": (0, 0), "still_mm": (0, 0)}
STILL = {"relative_rms": (0, 0), "pulse_chance": 0.0}


# Shapes


def test_round_outlines_are_the_discs():
    sequence = echo(tissue=ROUND, n_units=8)
    y, x = (np.arange(64)[:, None] + 0.5) * 0.625, (np.arange(64) + 0.5) * 0.625
    for mask, (cy, cx), diameter in zip(sequence.territories, sequence.centres_mm, sequence.diameters_mm, strict=True):
        np.testing.assert_array_equal(mask, np.hypot(y - cy, x - cx) <= diameter / 2)


def test_an_ellipse_has_its_axes_and_its_area():
    settings = dataclasses.replace(
        SimulationConfig.scenario("echo").tissue, axis_ratio=(2.0, 2.0), irregularity=(0.0, 0.0)
    )
    tissue = draw_tissue(3, 4, settings)
    angle = tissue.axis_angles_rad[:, None] + np.linspace(0, 2 * np.pi, 720, endpoint=False)
    radius = relative_radius(tissue, angle)
    np.testing.assert_allclose(radius[:, 0], np.sqrt(2), rtol=2e-3)  # half the long axis, of a disc of radius 1
    np.testing.assert_allclose(radius[:, 180], np.sqrt(0.5), rtol=2e-3)
    np.testing.assert_allclose(np.mean(radius**2, axis=1), 1, rtol=2e-3)


def test_irregularity_is_the_relative_sd_of_the_radius():
    settings = dataclasses.replace(
        SimulationConfig.scenario("echo").tissue, axis_ratio=(1.0, 1.0), irregularity=(0.15, 0.15)
    )
    tissue = draw_tissue(0, 400, settings)
    angle = np.broadcast_to(np.linspace(0, 2 * np.pi, 90, endpoint=False), (400, 90))
    radius = relative_radius(tissue, angle)
    assert np.sqrt(np.mean(np.var(radius, axis=1))) == pytest.approx(0.15, rel=0.06)
    np.testing.assert_allclose(np.mean(radius**2, axis=1), 1, rtol=2e-3)  # as large as the disc


def test_still_layers_do_not_move_and_hold_no_unit():
    sequence = echo(tissue={"still_mm": (5.0, 5.0)}, motion=STILL, n_units=12)
    np.testing.assert_allclose(still_layers_mm(sequence.tissue_seed, sequence.config), 5)
    share = muscle_share(sequence)[:, 0]
    assert share[:5].max() < 0.001 and share[-5:].max() < 0.001 and share[12:-12].min() > 0.999  # 5 mm are 8 px
    assert not sequence.territories[:, :8].any() and not sequence.territories[:, -8:].any()
    maps, _ = sequence.moving_components  # the whole muscle's, too
    assert np.abs(maps[:, :5]).max() < 1e-3


def test_low_images_have_room_between_their_still_layers():
    """20 mm, of which layers of 6 mm would leave 8 mm to territories of 12 mm."""
    sequence = echo(tissue={**ROUND, "still_mm": (6.0, 6.0)}, n_units=20, height_px=32, width_px=32)
    layers_mm = still_layers_mm(sequence.tissue_seed, sequence.config)
    np.testing.assert_allclose(layers_mm, 4)
    edges_mm = sequence.centres_mm[:, 0] + np.array([[-0.5], [0.5]]) * sequence.diameters_mm
    assert edges_mm.min() >= 4 and edges_mm.max() <= 16


def test_gaps_take_their_share_of_a_territory():
    full = echo(tissue={**ROUND, "gaps": (0, 0)}, n_units=10, delay_span_s=0.0)
    gappy = echo(tissue={**ROUND, "gaps": (0.4, 0.4)}, n_units=10, delay_span_s=0.0)
    np.testing.assert_array_equal(full.territories, gappy.territories)
    for mask, map_ in zip(gappy.territories, gappy.unit_components[0], strict=True):
        assert np.mean(map_[mask] == 0) == pytest.approx(0.4, abs=1 / mask.sum() + 1e-9)
    assert all((map_[mask] > 0).all() for mask, map_ in zip(full.territories, full.unit_components[0], strict=True))


def test_dragged_tissue_moves_outside_the_territory_by_its_share():
    """Far from a unit nothing is dragged; its peak stays within a tenth; beside its rim the tissue moves."""
    tissue = {**ROUND, "drag_share": (0.5, 0.5), "drag_sigma_mm": (2.0, 2.0)}
    sequence = echo(tissue=tissue, n_units=1, delay_span_s=0.0, diameter_mm=(8.0, 8.0))
    (map_,), _ = sequence.unit_components
    y, x = np.meshgrid(*(2 * [(np.arange(64) + 0.5) * 0.625]), indexing="ij")
    distance_mm = np.hypot(y - sequence.centres_mm[0, 0], x - sequence.centres_mm[0, 1])
    assert map_.max() == pytest.approx(1, abs=0.1)
    beside = map_[(distance_mm > 4.2) & (distance_mm < 5)]
    assert 0.1 < beside.min() and beside.max() < 0.5
    assert map_[distance_mm > 14].max(initial=0) < 1e-3


# Twitches


def test_concurrent_firings_are_those_of_others_just_before():
    #                     unit 0              unit 1
    times = np.array([0.00, 0.05, 0.50, 0.04, 0.12])
    np.testing.assert_array_equal(concurrent_firings(times, np.array([0, 0, 0, 1, 1]), 0.1), [0, 1, 0, 1, 1])


def test_amplitudes_vary_and_shrink_with_concurrent_twitches():
    alone = echo(tissue={"amplitude_sd": (0.3, 0.3), "interaction": (0, 0)}, n_units=25)
    assert np.log(alone.firing_amplitudes).std() == pytest.approx(0.3, rel=0.15)
    shrunk = echo(tissue={"amplitude_sd": (0, 0), "interaction": (0.02, 0.02)}, n_units=25)
    counts = concurrent_firings(shrunk.firings_s, shrunk.unit_of_firing, 0.1)
    np.testing.assert_allclose(shrunk.firing_amplitudes, np.exp(-0.02 * counts))
    assert counts.max() > 10


def test_a_twitch_has_the_amplitude_of_its_firing():
    sequence = echo(tissue={"amplitude_sd": (0.3, 0.3), "interaction": (0, 0)}, n_units=1, firing_rate_hz=(3.0, 3.0))
    (firings_s,) = sequence.firings
    inside = (sequence.firings_s >= 0) & (sequence.firings_s < 1)
    for time_s, amplitude in zip(firings_s[:-1], sequence.firing_amplitudes[inside][:-1], strict=True):
        peak = sequence.twitch_trains[0, int(time_s * 400) : int((time_s + 0.06) * 400)].max()
        assert peak == pytest.approx(amplitude * sequence.peak_velocities[0], rel=0.1)


# Motion


def test_motion_is_as_strong_as_it_should_be_and_slow():
    motion = {"relative_rms": (5.0, 5.0), "pulse_chance": 0.0, "order": (2, 2)}
    sequence = echo(tissue={"still_mm": (0, 0)}, motion=motion, n_units=10)
    units, signals = sequence.unit_components
    n = len(units)
    maps, waves = sequence.moving_components
    assert len(maps) == n + 6  # 1, y, x, y^2, yx, x^2

    def rms(maps, signals):
        return np.sqrt(np.mean(np.einsum("chw,ct->hwt", maps, signals, optimize=True) ** 2))

    assert rms(maps[n:], waves[n:]) == pytest.approx(5 * rms(units, signals), rel=1e-3)
    spectrum = np.abs(np.fft.rfft(waves[n:] * np.hanning(400), axis=1)) ** 2
    assert spectrum[:, 8:].sum() < 1e-3 * spectrum.sum()  # 1 Hz a line


def test_motion_of_a_higher_order_is_weaker():
    """Each order has 0.7 of the velocity of the one before: 0.49 of its power, 0.24 for the second after it."""
    motion = {"relative_rms": (1.0, 1.0), "pulse_chance": 0.0, "order": (2, 2), "band_hz": (20, 100), "n_waves": 200}
    sequence = echo(motion=motion, n_units=2)
    powers = np.zeros(6)  # 1, y, x, y^2, yx, x^2
    for seed in range(30):
        powers += np.mean(
            motion_components(dataclasses.replace(sequence, tissue_seed=seed), *sequence.unit_components)[1] ** 2,
            axis=1,
        )
    np.testing.assert_allclose(powers[1:] / powers[0], [0.49, 0.49, 0.24, 0.24, 0.24], rtol=0.15)


def test_a_pulse_is_local_and_regular():
    motion = {"relative_rms": (0, 0), "pulse_chance": 1.0, "pulse_hz": (2.0, 2.0), "order": (0, 0)}
    sequence = echo(tissue={"still_mm": (0, 0)}, motion=motion, n_units=3)
    pulse_map, pulse = sequence.moving_components[0][-1], sequence.moving_components[1][-1]
    assert 0.003 < np.mean(pulse_map > 0.5) < 0.02  # discs of 2-5 mm in 40 x 40 mm are 0.2-1.2 %, or cut by the edge
    np.testing.assert_allclose(pulse[:200], pulse[200:], atol=1e-4)


# Whole sequences


def test_no_units_is_a_sequence_too():
    sequence = echo(n_units=0)
    assert sequence.territories.shape == (0, 64, 64) and sequence.firings == [] and sequence.n_units == 0
    assert sequence.render().std() == 0 and sequence.render(20).std() > 0.01


def test_each_part_draws_for_itself():
    """More echo or motion changes nothing of the units."""
    one, other = echo(4), echo(4, motion={"relative_rms": (1, 1)}, echo={"renewal": (0, 0)})
    for a, b in zip(one.unit_components, other.unit_components, strict=True):
        np.testing.assert_array_equal(a, b)
