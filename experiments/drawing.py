"""What the scripts of Figs. 4-6 and of Figs. 9 and 10 share: their command line, and the writing of the picture."""

import argparse
import json
from pathlib import Path

from muspipe.errors import InputError
from muspipe.evaluation.stored import read_evaluation
from muspipe.figures.panels import draw_panels
from muspipe.training.history import draw_history, joined_histories
from simulator.shared.files import atomic_path

HERE = Path(__file__).resolve().parent


def trained_without_and_with_noise(name, doc, metrics, *, clean, noise, title, of):
    """The command of a figure with a row for each metric. clean, noise: default evaluations; title: ends with what the
    networks are, `of` if nothing is given."""
    parser = _parser(doc)
    parser.add_argument("--clean", default=clean, metavar="EVALUATION", help="of networks trained without noise")
    parser.add_argument("--noise", default=noise, metavar="EVALUATION", help="of networks trained with noise")
    parser.add_argument("--of", default=of, metavar="NETWORKS", help="what they are, for the title")
    args = parser.parse_args()
    try:
        trained = {"clean": read_evaluation(args.clean), "noise": read_evaluation(args.noise)}
    except InputError as error:
        parser.error(str(error))
    statements = json.loads((HERE / "published.json").read_text(encoding="utf-8"))["statements"]
    _write(draw_panels(metrics, trained, statements, f"{title} {args.of}"), args.out, name)


def losses(name, doc, *, runs, title):
    """The command of a figure of losses over hours. runs: those drawn if none are given."""
    parser = _parser(doc)
    parser.add_argument("runs", nargs="*", type=Path, default=runs, metavar="RUN", help="in the order of training")
    args = parser.parse_args()
    try:
        rows, marks = joined_histories(args.runs)
    except InputError as error:
        parser.error(str(error))
    _write(draw_history(rows, marks, title), args.out, name)


def _parser(doc):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the figure")
    return parser


def _write(figure, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / name) as temporary:
        figure.savefig(temporary, dpi=160)
    print(folder / name)
