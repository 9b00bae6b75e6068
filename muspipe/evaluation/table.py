"""Metrics as a table that reads as text and as Markdown."""

from __future__ import annotations

COLUMNS = {
    "recall": "recall",
    "precision": "precision",
    "segmentation_recall": "pixel recall",
    "segmentation_precision": "pixel precision",
    "dice": "Dice",
    "roa": "RoA",
    "roa_discharges": "RoA with the true discharges",
    "n_found": "found",
}
"""metric -> heading"""


def markdown_table(metrics: dict) -> str:
    """Mean (SD) of each metric, a row for each noise level and number of motor units. metrics: of `run.summarise`."""
    data = metrics["data"]
    heads = ["SNR [dB]", "units", "sequences", *COLUMNS.values()]
    rows = []
    for cell in metrics["cells"]:
        snr = cell["snr_db"] if cell["snr_db"] == "inf" else f"{cell['snr_db']:g}"
        rows.append(
            [snr, str(cell["n_units"]), str(cell["n_sequences"]), *(_entry(cell[metric]) for metric in COLUMNS)]
        )
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = [
        "| " + " | ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in [heads, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 1) + ":" for w in widths) + "|")
    title = (
        f"Method {metrics['method']}, scenario {data['scenario']}, {data['split']} set of seed {data['seed']}; "
        f"firings by rule {metrics.get('firings', 'paper')}; mean (SD) over sequences."
    )
    return "\n".join([title, "", *lines]) + "\n"


def _entry(value):
    if value["mean"] is None:
        return "-"
    return f"{value['mean']:.3f}" + ("" if value["sd"] is None else f" ({value['sd']:.2f})")
