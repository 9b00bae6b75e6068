"""Panels of networks trained without noise and with it: letters, scales, lines, and what is published."""

import pytest

from muspipe.figures.panels import draw_panels
from tests.figures.test_metrics import evaluation, points

METRICS = ("recall", "precision")
SAYS = {"method": "network", "metric": "recall", "trained": ["noise"]}


def panels(clean=0.97, noise=0.75, published=()):
    return draw_panels(METRICS, {"clean": evaluation(clean), "noise": evaluation(noise)}, published, "Detection")


def test_letters_and_labels_are_the_papers():
    axes = panels().axes
    titles = [axis.get_title(loc="left") for axis in axes]
    assert [title[0] for title in titles] == list("ABCD")
    assert all(("without" in title) == (title[0] in "AC") for title in titles)
    assert [axis.get_ylabel() for axis in axes] == ["Detection recall", "", "Detection precision", ""]
    assert [points(line) for line in axes[1].containers] == [([0.85, 4.85], [0.75, 0.75]), ([1.15, 5.15], [0.75, 0.75])]
    assert panels().get_suptitle() == "Detection (mean, SD over 100 sequences a cell)"


def test_panels_of_a_row_have_one_scale():
    a, b, c, d = panels().axes  # 0.75 with an SD of 0.1 reaches down to 0.65
    assert a.get_ylim() == b.get_ylim() and a.get_ylim()[0] == 0.6
    assert c.get_ylim()[0] == 0  # nothing measured


def test_what_is_published_stands_where_it_belongs():
    statements = [
        SAYS | {"values": {"1": 0.9, "25": 0.5}},
        SAYS | {"values": {"at_least": 0.8}},
        {"method": "stica", "metric": "recall", "values": {"between": [0.3, 0.4], "25": 0.7}},
    ]
    figure = panels(published=statements)
    a, b, c, _ = figure.axes
    assert [text.get_text() for text in a.texts] == ["\u2193 published: stICA 0.30-0.40"]
    assert [text.get_text() for text in b.texts] == ["\u2193 published: 0.50 at 25 units\n    stICA 0.30-0.40"]
    assert len(c.texts) == 0
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "20 dB",
        "no noise",
        "published stICA",
        "published network",
        "published network, at least",
    ]


def test_means_without_sd_are_said_to_be_means():
    only = evaluation(0.9)
    for cell in only["cells"]:
        cell["recall"]["sd"] = None
    assert draw_panels(("recall",), {"clean": only}).get_suptitle() == " (mean over 100 sequences a cell)"


@pytest.mark.parametrize("n", [1, 100])
def test_the_number_of_sequences_is_said(n):
    one = evaluation(0.9)
    for cell in one["cells"]:
        cell["n_sequences"] = n
    said = draw_panels(("recall",), {"clean": one}, title="One").get_suptitle()
    assert said == f"One (mean, SD over {n} sequence{'s' if n > 1 else ''} a cell)"
