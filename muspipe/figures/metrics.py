"""Metrics against the number of motor units, like Figs. 4-6 of Ali et al. 2020."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from muspipe.figures.style import RC, UNIT_COLOURS

PANELS = {
    "recall": "Detection recall",
    "precision": "Detection precision",
    "segmentation_recall": "Segmentation recall",
    "segmentation_precision": "Segmentation precision",
    "roa": "Rate of agreement",
    "roa_discharges": "Rate of agreement with discharges",
}


def draw_metrics(by_method: dict[str, dict], snr_db: float | None = None) -> Figure:
    """Mean and SD of each metric; a line for each method (marker and line style) and noise level (colour).

    by_method: label -> metrics of `evaluation.run.summarise`. snr_db: only this noise level [dB], methods in colours.
    """
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        axes = figure.subplots(2, 3, sharex=True).ravel()
        snrs = list(dict.fromkeys(str(cell["snr_db"]) for m in by_method.values() for cell in m["cells"]))
        if snr_db is not None:
            snrs = [snr for snr in snrs if float(snr) == snr_db]
        for axis, (metric, title) in zip(axes, PANELS.items(), strict=True):
            looks = zip(("-", "--", ":", "-.") * 2, "osd^v<>x", strict=True)
            lines = zip(looks, by_method.items(), strict=False)
            for number, ((style, marker), (label, metrics)) in enumerate(lines):
                for shift, snr in enumerate(snrs):
                    cells = [c for c in metrics["cells"] if str(c["snr_db"]) == snr and c[metric]["mean"] is not None]
                    mean = np.array([c[metric]["mean"] for c in cells])
                    sd = np.array([c[metric]["sd"] or 0.0 for c in cells])
                    units = np.array([c["n_units"] for c in cells]) + 0.25 * (shift - (len(snrs) - 1) / 2)
                    noise = "no noise" if snr == "inf" else f"{float(snr):g} dB"
                    name = noise if len(by_method) == 1 else f"{label}, {noise}"
                    name = name if snr_db is None else label
                    colour = UNIT_COLOURS[(shift if snr_db is None else number) % len(UNIT_COLOURS)]
                    axis.errorbar(
                        units,
                        mean,
                        sd,
                        label=name,
                        color=colour,
                        linestyle=style,
                        marker=marker,
                        markersize=3,
                        linewidth=1,
                        elinewidth=0.6,
                        capsize=1.5,
                    )
            axis.set_title(title)
            axis.set_ylim(0, 1.05)
            axis.spines[["top", "right"]].set_visible(False)
        for axis in axes[3:]:
            axis.set_xlabel("Motor units")
            axis.set_xticks(sorted({c["n_units"] for m in by_method.values() for c in m["cells"]}))
        axes[0].legend(frameon=False, fontsize=6, loc="lower left")
        data = next(iter(by_method.values()))["data"]
        title = f"{', '.join(by_method)}: " if snr_db is None else f"{snr_db:g} dB, "
        figure.suptitle(f"{title}scenario {data['scenario']} (mean, SD over sequences)", fontsize=9)
    return figure
