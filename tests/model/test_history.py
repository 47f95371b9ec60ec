import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.errors import InputError
from stages.model import history
from stages.model.history import Epoch
from tests.damage import damaged, examples, refused_in_one_line


def test_each_epoch_is_a_row_of_five_columns(tmp_path: Path):
    path = tmp_path / "plots/history/run.csv"
    history.write(path, [Epoch(1, 2.0, 0.25, 1.5, 0.5), Epoch(2, 1 / 3, 2 / 3, 0.1, 1.0)])

    assert path.read_text().splitlines() == [
        "epoch,loss,accuracy,val_loss,val_accuracy",
        "1,2.000000,0.250000,1.500000,0.500000",
        "2,0.333333,0.666667,0.100000,1.000000",
    ]


def test_without_validation_the_cells_are_empty(tmp_path: Path):
    history.write(tmp_path / "run.csv", [Epoch(1, 2.0, 0.25)])

    assert (tmp_path / "run.csv").read_text().splitlines()[1] == "1,2.000000,0.250000,,"


def test_a_longer_history_replaces_the_shorter_one(tmp_path: Path):
    path = tmp_path / "run.csv"
    epochs = [Epoch(1, 2.0, 0.25)]
    history.write(path, epochs)
    with path.open() as reader:  # whoever reads meanwhile sees the history of before
        history.write(path, [*epochs, Epoch(2, 1.0, 0.5)])
        assert len(reader.readlines()) == 2

    assert len(path.read_text().splitlines()) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_history_is_read_as_it_was_written(tmp_path: Path):
    epochs = [Epoch(1, 2.0, 0.25, 1.5, 0.5), Epoch(2, 0.333333, 0.666667)]
    history.write(tmp_path / "run.csv", epochs)

    assert history.read(tmp_path / "run.csv") == epochs


@pytest.mark.parametrize(
    ("text", "received"),
    [
        (None, "the history of a training, received none"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n", "an epoch at least, received none"),
        (
            "epoch,loss\n1,2\n",
            "the columns epoch, loss, accuracy, val_loss, val_accuracy of numbers, received 'accuracy'",
        ),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1,x,0.5,,\n", "of numbers, received could not convert"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1,2\n", "of numbers, received"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1,nan,0.5,,\n", "of numbers, received nan as loss; run"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1,2,0.5,-inf,0.5\n", "received -inf as val_loss; run dvc repro"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1,2,50,,\n", "received 50 as accuracy; run dvc repro"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1,2,0.5,1,\n", "received half of the validation's results"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n" + "9" * 5000 + ",2,0.5,,\n", "received Exceeds the limit"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1," + "x" * 5000 + ",0.5,,\n", "received could not convert"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n1," + "x" * 200_000, "of numbers, received"),
        ('epoch,loss,accuracy,val_loss,val_accuracy\n1,"2\n', "of numbers, received"),
    ],
)
def test_a_history_that_is_none_is_told_in_one_line(text: str | None, received: str, tmp_path: Path):
    if text is not None:
        (tmp_path / "run.csv").write_text(text)
    with pytest.raises(InputError, match=re.escape(received)) as caught:
        history.read(tmp_path / "run.csv")
    assert len(str(caught.value).removeprefix(str(tmp_path))) < 400


def test_the_wall_time_is_written_with_its_machine(tmp_path: Path):
    path = tmp_path / "logs/run.json"
    history.write_timing(path, 12.345)
    written = json.loads(path.read_text())

    assert written.pop("seconds") == 12.3
    assert written.pop("cores") >= 1
    assert written.keys() == {"system", "processor"}
    assert all(isinstance(value, str) and value for value in written.values())
    assert path.read_text().endswith("}\n")


LOSSES, ACCURACIES = st.floats(0, 1e6), st.floats(0, 1)


@examples(100)
@given(st.lists(st.tuples(LOSSES, ACCURACIES, st.none() | st.tuples(LOSSES, ACCURACIES)), min_size=1))
def test_any_history_is_read_as_it_was_written(tmp_path: Path, results: list[Any]):
    epochs = [Epoch(number, *result, *(validation or ())) for number, (*result, validation) in enumerate(results, 1)]
    history.write(tmp_path / "run.csv", epochs)
    rounded = [Epoch(number, *(each and round(each, 6) for each in values)) for number, *values in epochs]

    assert history.read(tmp_path / "run.csv") == rounded


@examples(300)
@given(data=st.data())
def test_any_damage_is_refused_in_one_line_or_read_as_results(tmp_path: Path, data: st.DataObject):
    path = tmp_path / "run.csv"
    history.write(path, [Epoch(1, 2.0, 0.25, 1.5, 0.5), Epoch(2, 0.333333, 0.666667)])
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    with refused_in_one_line():
        for epoch in history.read(path):
            assert 0 <= epoch.accuracy <= 1
            assert (epoch.val_loss is None) == (epoch.val_accuracy is None)
