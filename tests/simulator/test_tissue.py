import numpy as np
import pytest

from simulator import SimulationConfig
from simulator.tissue import delay_nodes_s, draw_discs, response_maps, territory_masks

PAPER = SimulationConfig.scenario("paper")
PHYSIOLOGICAL = SimulationConfig.scenario("physiological")
CENTRE = np.array([[20.0, 20.0]])  # on a pixel corner: rows and columns 31 and 32 lie 0.3125 mm off


def test_diameters_and_containment():
    centres_mm, diameters_mm = draw_discs(np.random.default_rng(1), 5000, PAPER)
    assert diameters_mm.min() >= 2.5 and diameters_mm.max() <= 10.0
    assert diameters_mm.mean() == pytest.approx(6.25, abs=0.1)
    assert diameters_mm.std() == pytest.approx(7.5 / 12**0.5, abs=0.05)  # of the uniform distribution
    radii = diameters_mm[:, None] / 2
    assert (centres_mm >= radii).all() and (centres_mm <= 40 - radii).all()


def test_disc_of_four_pixels():
    """Radius 1.25 mm = 2 px about a corner: pixel offsets 0.5 and 1.5; only (1.5, 1.5), 2.12 px away, lies outside."""
    mask = territory_masks(CENTRE, np.array([2.5]), PAPER)[0]
    expected = np.array([[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]], bool)
    np.testing.assert_array_equal(mask[30:34, 30:34], expected)
    assert mask.sum() == 12


def test_area_of_the_largest_disc():
    assert territory_masks(CENTRE, np.array([10.0]), PAPER).sum() == pytest.approx(np.pi * 8**2, rel=0.04)


def test_flat_profile_of_the_paper():
    maps = response_maps(CENTRE, np.array([8.0]), np.zeros(1), delay_nodes_s(PAPER), PAPER)
    assert maps.shape == (1, 1, 64, 64)
    np.testing.assert_array_equal(maps[0, 0], territory_masks(CENTRE, np.array([8.0]), PAPER)[0])


def test_soft_profile():
    """1 up to 0.7 R, 0.65 midway (0.85 R), 0.3 at R; without blur and delay."""
    config = SimulationConfig.scenario("physiological", blur_sigma_px=0.0, delay_span_s=0.0)
    line = response_maps(np.array([[20.3125, 20.3125]]), np.array([10.0]), np.zeros(1), np.zeros(1), config)[0, 0, 32]
    radii = np.abs((np.arange(64) + 0.5) * 0.625 - 20.3125) / 5.0
    np.testing.assert_allclose(line[radii <= 0.7], 1.0)
    fall = (radii - 0.7) / 0.3
    rim = (radii > 0.7) & (radii <= 1)
    np.testing.assert_allclose(line[rim], 0.3 + 0.35 * (1 + np.cos(np.pi * fall[rim])), atol=1e-5)
    assert line[radii == 1.0].tolist() == pytest.approx([0.3, 0.3])
    assert (line[radii > 1] == 0).all()


def test_blur_keeps_the_sum_and_has_the_stated_width():
    sharp = SimulationConfig.scenario("paper")
    soft = SimulationConfig.scenario("paper", blur_sigma_px=0.7)
    a, b = (response_maps(CENTRE, np.array([2.5]), np.zeros(1), np.zeros(1), c)[0, 0] for c in (sharp, soft))
    assert b.sum() == pytest.approx(a.sum(), rel=1e-4)
    rows = np.arange(64) - 31.5
    spread = [(image.sum(axis=1) * rows**2).sum() / image.sum() for image in (a, b)]
    assert spread[1] - spread[0] == pytest.approx(0.7**2, rel=0.02)


def test_delays_are_linear_across_the_disc():
    """The maps weigh node delays; their weighted mean is each pixel's own delay, -5 to +5 ms along +x."""
    config = SimulationConfig.scenario("physiological", blur_sigma_px=0.0, plateau_fraction=1.0, edge_level=1.0)
    nodes_s = delay_nodes_s(config)
    maps = response_maps(np.array([[20.3125, 20.3125]]), np.array([10.0]), np.zeros(1), nodes_s, config)[0]
    np.testing.assert_allclose(maps.sum(axis=0)[32, 24:41], 1.0, atol=1e-5)
    delay_s = np.tensordot(nodes_s, maps, axes=1)
    np.testing.assert_allclose(delay_s[32, 24:41], np.linspace(-0.005, 0.005, 17), atol=1e-7)
    assert abs(delay_s[32, 32]) < 1e-8  # the centre has the unit's own train


def test_paper_has_one_node():
    assert delay_nodes_s(PAPER).tolist() == [0.0]
    assert len(delay_nodes_s(PHYSIOLOGICAL)) == 5 and np.abs(delay_nodes_s(PHYSIOLOGICAL)).max() < 0.005


# Territories that the image's edge may cut


def test_cut_territories_have_their_centres_anywhere_in_the_image():
    config = SimulationConfig.scenario("paper", territory_placement="cut")
    centres_mm, diameters_mm = draw_discs(np.random.default_rng(1), 5000, config)
    assert centres_mm.min() >= 0 and centres_mm.max() <= 40
    assert centres_mm.min(axis=0).max() < 0.1 and centres_mm.max(axis=0).min() > 39.9
    np.testing.assert_array_equal(diameters_mm, draw_discs(np.random.default_rng(1), 5000, PAPER)[1])
    masks = territory_masks(centres_mm[:500], diameters_mm[:500], config)
    assert masks.any(axis=(1, 2)).all()


@pytest.mark.parametrize("scenario", ["paper", "physiological"])
def test_cut_territories_respond_as_in_a_larger_image(scenario):
    """The upper left corner of a muscle of 96 px, seen through an image of 64: the same tissue, blur and delay."""
    small = SimulationConfig.scenario(scenario, territory_placement="cut")
    large = SimulationConfig.scenario(scenario, height_px=96, width_px=96)
    centres_mm = np.array([[0.2, 0.3], [20.0, 39.9], [39.0, 1.0], [30.0, 20.0]])
    diameters_mm, angles = np.array([10.0, 8.0, 3.0, 5.0]), np.array([0.0, 1.0, 2.0, 3.0])
    nodes_s = delay_nodes_s(small)
    found = response_maps(centres_mm, diameters_mm, angles, nodes_s, small)
    expected = response_maps(centres_mm + 10.0, diameters_mm, angles, nodes_s, large)[:, :, 16:80, 16:80]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found[:3]).max(axis=(1, 2, 3)).min() > 0.5


def test_no_disc_lies_in_layers_that_are_no_muscle():
    """4 mm at the top and 6 mm at the bottom of 40 mm."""
    centres_mm, diameters_mm = draw_discs(np.random.default_rng(1), 2000, PAPER, (4.0, 6.0))
    top_mm, bottom_mm = centres_mm[:, 0] - diameters_mm / 2, centres_mm[:, 0] + diameters_mm / 2
    assert top_mm.min() == pytest.approx(4, abs=0.2) and bottom_mm.max() == pytest.approx(34, abs=0.2)
    assert top_mm.min() >= 4 and bottom_mm.max() <= 34
