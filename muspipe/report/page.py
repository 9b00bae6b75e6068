"""The report: one HTML file that holds all it needs, of one result or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from muspipe import __version__
from muspipe.discharges.drive import WINDOW_S
from muspipe.discharges.synchrony import PEAK_S
from muspipe.errors import InputError
from muspipe.figures.style import UNIT_COLOURS
from muspipe.recordings.result import Result
from muspipe.report.contents import COLUMNS, contents_of
from simulator.shared.files import atomic_path

FILES = Path(__file__).parent / "files"
SCRIPTS = "pairs.js", "page.js"
DARK_COLOURS = ("#77AADD", "#EE8866", "#44BB99", "#FFAABB", "#EEDD88", "#99DDFF", "#BBCC33", "#AAAA00")
"""Of units on a dark ground, in the order of UNIT_COLOURS: the scheme "light" of Tol 2021, Colour Schemes, SRON
technical note 09-002, which colour-blind readers can tell apart too."""


def write_report(results: Sequence[Result], path, names: Sequence[str] | None = None) -> None:
    """Write the report of results to an .html file, replacing an older one; whole or not at all.

    names: what the recordings are called, by default the names of their files. Raises InputError without any result,
    OSError where the file cannot be written.
    """
    text = report_html(results, names)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def report_html(results: Sequence[Result], names: Sequence[str] | None = None) -> str:
    """The text of the report, see `write_report`. Whatever comes from files is escaped."""
    import bokeh

    from muspipe.report.plots import library, plots

    if not results:
        raise InputError("report: expected at least one result, got none")
    names = [result.source.get("name") or "a recording" for result in results] if names is None else names
    recordings = [contents_of(result, name) for result, name in zip(results, names, strict=True)]
    script, elements = plots()
    environment = Environment(loader=FileSystemLoader(FILES), autoescape=True, undefined=StrictUndefined)

    def plot(name, caption):
        about = (
            f'<figure role="group" data-plot="{name}"><figcaption><h3>{{}}</h3> <span></span></figcaption>{{}}</figure>'
        )
        return Markup(about).format(caption, Markup(elements[name]))

    return environment.get_template("page.html").render(
        title=names[0] if len(names) == 1 else f"{len(names)} recordings",
        recordings=recordings,
        columns=COLUMNS,
        palette={"light": UNIT_COLOURS, "dark": DARK_COLOURS},
        drive_window_s=WINDOW_S,
        peak_s=PEAK_S,
        version=__version__,
        bokeh_version=bokeh.__version__,
        data=[recording["plots"] | {"colours": recording["map"]["colours"]} for recording in recordings],
        plot=plot,
        style=_inside("style", (FILES / "page.css").read_text(encoding="utf-8")),
        library=_inside("script", library()),
        plots_script=_inside("script", script),
        script=_inside("script", "\n".join((FILES / name).read_text(encoding="utf-8") for name in SCRIPTS)),
    )


def _inside(element, text):
    """Our own text and Bokeh's, as it is, so that it cannot end the element it stands in."""
    return Markup(text.replace(f"</{element}", f"<\\/{element}"))
