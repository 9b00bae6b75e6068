"""history.csv: rows that a crash left half-written, rows of steps that are done again."""

import pytest

from muspipe.errors import InputError
from muspipe.training.history import History, draw_history, read_history


@pytest.mark.parametrize("torn", ["20,0.1,1e-,3", "20,0.1", "20,0.1,\0\0\0\0", "\0\0\0\0", ",,,"])
def test_a_torn_row_is_left_out(tmp_path, torn):
    path = tmp_path / "history.csv"
    path.write_text("step,hours,loss,val_loss\n10,0.1,2,\n" + torn)
    assert [row["step"] for row in read_history(path)] == [10]


def test_rows_of_steps_that_are_done_again_go(tmp_path):
    history = History(tmp_path / "history.csv", ())
    history.start(0)
    for step in (10, 20):
        history.add({"step": step, "hours": 0.5, "loss": step / 4, "val_loss": 1.0})
    with open(history.path, "a") as file:
        file.write("30,0.")  # half a line
    history.start(19)
    history.add({"step": 20, "hours": 0.75, "loss": 3.0})
    assert history.path.read_text() == "step,hours,loss,val_loss\n10,0.5,2.5,1\n20,0.75,3,\n"


def test_other_columns_are_another_networks(tmp_path):
    History(tmp_path / "history.csv", ("rpn_loss",)).start(0)
    with pytest.raises(InputError, match="expected the columns step, hours, loss, val_loss, got step,"):
        History(tmp_path / "history.csv", ()).start(0)


def test_the_parts_of_the_loss_are_drawn_beside_it():
    rows = [{"step": 10, "hours": h, "loss": 2, "rpn_loss": 1, "val_loss": 3, "val_rpn_loss": 1} for h in (0.1, 0.2)]
    total, parts = draw_history(rows).axes
    assert [line.get_label() for line in total.lines] == ["training", "validation"]
    assert total.lines[1].get_ydata().tolist() == [3, 3] and parts.get_legend().get_texts()[0].get_text() == "rpn"
    assert len(draw_history([]).axes) == 1
