"""history.csv: rows that a crash left half-written, rows of steps that are done again."""

import math

import pytest

from muspipe.errors import InputError
from muspipe.training import history
from muspipe.training.history import WATCHED, History, draw_history, joined_histories, read_history


@pytest.mark.parametrize("torn", ["20,0.1,1e-,3", "20,0.1", "20,0.1,\0\0\0\0", "\0\0\0\0", ",,,"])
def test_a_torn_row_is_left_out(tmp_path, torn):
    path = tmp_path / "history.csv"
    path.write_text("step,hours,loss,val_loss\n10,0.1,2,\n" + torn)
    assert [row["step"] for row in read_history(path)] == [10]


def test_an_empty_file_has_no_rows(tmp_path):
    (tmp_path / "history.csv").write_text("")
    assert read_history(tmp_path / "history.csv") == []


def test_a_run_that_goes_on_keeps_its_rows_to_the_digit_or_as_they_were(tmp_path, monkeypatch):
    made = History(tmp_path / "history.csv", ())
    made.start(0)
    made.add({"step": 1_234_567, "hours": 0.123456, "loss": 2.0})
    before = made.path.read_text()
    assert "\n1234567,0.123456,2," in before
    made.start(1_234_567)
    assert made.path.read_text() == before and made.read()[0]["step"] == 1_234_567

    def full_disk(_):
        raise OSError("no space left")

    monkeypatch.setattr(history, "_text", full_disk)
    with pytest.raises(OSError):
        made.start(1_234_567)
    assert made.path.read_text() == before


def test_rows_of_steps_that_are_done_again_go(tmp_path):
    history = History(tmp_path / "history.csv", ())
    history.start(0)
    for step in (10, 20):
        history.add({"step": step, "hours": 0.5, "loss": step / 4, "val_loss": 1.0})
    with open(history.path, "a") as file:
        file.write("30,0.")  # half a line
    history.start(19)
    history.add({"step": 20, "hours": 0.75, "loss": 3.0})
    assert history.path.read_text() == (
        "step,hours,loss,val_loss,learning_rate,gradient_norm,examples_per_s\n10,0.5,2.5,1,,,\n20,0.75,3,,,,\n"
    )


def test_a_run_of_before_these_columns_goes_on(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("step,hours,loss,val_loss\n10,0.5,2.5,1\n20,0.6,2,1\n")
    history = History(path, (), ("roa",))
    assert [math.isnan(row["roa"]) for row in history.read()] == [True, True]
    history.start(10)
    history.add({"step": 20, "hours": 0.75, "loss": 3.0, "gradient_norm": 4.0, "roa": 0.5})
    history.start(20)  # and again, now that they are there
    first, second = history.read()
    assert first["val_loss"] == 1 and math.isnan(first["gradient_norm"])
    assert (second["gradient_norm"], second["roa"]) == (4, 0.5) and math.isnan(second["learning_rate"])


def test_other_columns_are_another_networks(tmp_path):
    History(tmp_path / "history.csv", ("rpn_loss",)).start(0)
    with pytest.raises(InputError, match="expected the columns step, hours, loss, val_loss, got step,"):
        History(tmp_path / "history.csv", ()).start(0)
    (tmp_path / "history.csv").write_text("step,hours,loss,val_loss\n")
    with pytest.raises(InputError, match="expected the columns step, hours, loss, rpn_loss, .*, got step, hours"):
        History(tmp_path / "history.csv", ("rpn_loss",)).start(0)


def row(step, hours, val):
    return {"step": step, "hours": hours, "loss": 2, "rpn_loss": 1, "val_loss": val, "val_rpn_loss": val}


def test_the_parts_of_the_loss_are_drawn_beside_it():
    total, parts = draw_history([row(10, 0.1, 3), row(20, 0.2, 4)]).axes
    assert [line.get_label() for line in total.lines] == ["training", "validation"]
    assert total.lines[1].get_ydata().tolist() == [3, 4] and parts.get_legend().get_texts()[0].get_text() == "rpn"
    assert all(axis.get_ylabel() and axis.get_yscale() == "log" for axis in (total, parts))
    assert len({line.get_color() for line in parts.lines}) == 1  # dashed in validation, and of the same colour
    assert len(draw_history([]).axes) == 1


def test_what_is_watched_is_drawn_below():
    watched = {"learning_rate": 1e-3, "gradient_norm": 2.0, "examples_per_s": 8.0}
    rows = [row(10, 0.1, 3) | watched | {"recall": 0.25}, row(20, 0.2, 4) | watched | {"recall": 0.5}]
    rows.append(rows[-1] | {"step": 30, "hours": 0.3})  # not measured again
    rows[0]["gradient_norm"] = math.nan  # not known yet
    figure = draw_history(rows, marks=[(0.15, "noise")], title="twitch")
    _, _, *below = figure.axes
    assert figure.get_suptitle() == "twitch"
    for axes in figure.axes:
        (mark,) = (line for line in axes.lines if line.get_linestyle() == ":")
        named = [] if axes in below else ["noise"]  # too narrow for names
        assert list(mark.get_xdata()) == [0.15, 0.15] and [text.get_text() for text in axes.texts] == named
    assert [axes.get_yscale() for axes in below] == ["log", "log", "linear", "linear"]
    assert below[2].get_ylim()[0] == 0 and below[3].get_ylim() == (-0.02, 1.02)
    assert [axes.get_ylabel() for axes in below] == [*WATCHED.values(), "validation"]
    drawn = [[y for y in axes.lines[0].get_ydata() if y == y] for axes in below]
    assert drawn == [[1e-3] * 3, [2] * 2, [8] * 3, [0.25, 0.5]]
    empty = dict.fromkeys((*WATCHED, "recall"), math.nan)
    assert len(draw_history([row(10, 0.1, 3) | empty]).axes) == 2  # nothing of it is known


def test_a_validation_that_rows_repeat_is_drawn_once_and_seen():
    total, _ = draw_history([row(10, 0.1, float("nan")), row(20, 0.2, 3), row(30, 0.3, 3)]).axes
    validation = total.lines[1]
    drawn = [(x, y) for x, y in zip(validation.get_xdata(), validation.get_ydata(), strict=True) if y == y]
    assert drawn == [(0.2, 3)]
    assert validation.get_marker() == "o"
    many, _ = draw_history([row(10 * i, 0.1 * i, 3 + i) for i in range(1, 42)]).axes
    assert [line.get_marker() for line in many.lines] == ["None", "None"]  # of more than 40, lines are seen


def test_steps_stand_above_the_hours_at_which_they_were_done():
    """The second half took twice as long: 0.1 h for 100 steps, then 0.2 h."""
    (axes, _) = draw_history([row(100, 0.1, 1), row(200, 0.3, 1)]).axes
    (above,) = axes.child_axes
    steps = [int(label.get_text()) for label in above.get_xticklabels()]
    assert 150 in steps or 160 in steps or 140 in steps
    assert above.get_xticks().tolist() == pytest.approx([0.1 + 0.2 * (step - 100) / 100 for step in steps])


def test_runs_that_went_on_from_each_other(tmp_path):
    for name, rows in (("clean", [(10, 0.5), (20, 1.0)]), ("noise", [(10, 0.25)])):
        history = History(tmp_path / name / "history.csv", ())
        history.path.parent.mkdir()
        history.start(0)
        for step, hours in rows:
            history.add({"step": step, "hours": hours, "loss": 1.0})
    joined, marks = joined_histories([tmp_path / "clean", tmp_path / "noise/history.csv"])
    assert [(r["step"], r["hours"]) for r in joined] == [(10, 0.5), (20, 1.0), (20, 1.0), (30, 1.25)]
    assert [r["loss"] == r["loss"] for r in joined] == [True, True, False, True]  # a gap between the runs
    assert marks == [(1.0, "noise")]
    with pytest.raises(InputError, match="expected the losses of a run, found none"):
        joined_histories([tmp_path])
