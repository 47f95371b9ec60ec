import math
from dataclasses import replace
from typing import Any

import pytest

from stages.experiments import groups
from stages.experiments.records import Experiment

RECIPE = {"training": {"epochs": 5}, "optimizer": {"name": "adam", "learning_rate": 0.001}}
SCORED = {"accuracy": 0.9, "train_accuracy": 0.95, "loss": 0.3, "errors": 1000, "parameters": 10}


def state(
    seed: int = 0, recipe: dict[str, Any] | None = None, inputs: dict[str, str] | None = None, **results: float
) -> Experiment:
    """Return a run in a revision, with its results; without any, it has not run yet."""
    params = {"dataset": "tiny", "recipe": "small", **RECIPE, **(recipe or {})}
    metrics = (SCORED if "accuracy" in results else {}) | results
    return Experiment("main", seed, params, metrics, inputs or {})


def compare(commit: Experiment | None = None, **experiments: Experiment) -> list[groups.Group]:
    """Compare experiments with the commit `main`."""
    named = [replace(experiment, name=name) for name, experiment in experiments.items()]
    return groups.compare(commit or state(accuracy=0.9), named)


def test_without_experiments_there_is_the_commit():
    [base] = compare()
    assert (base.changes, base.names, base.values("accuracy")) == ([], {0: "main"}, [0.9])


@pytest.mark.parametrize("what", ["data/processed/tiny", "code of train", "code of evaluate"])
def test_another_seed_on_other_data_or_with_other_code_is_a_change_of_its_own(what: str):
    main, other = {"data/processed/other": "5" * 32, what: "a" * 32}, {what: "b" * 32}

    base, group = compare(
        state(inputs=main, accuracy=0.9),
        same=state(inputs=main, seed=1, accuracy=0.92),
        edited=state(inputs=other, seed=1, accuracy=0.7),
        edited_too=state(inputs=other, seed=2, accuracy=0.6),
    )

    assert (base.values("accuracy"), base.changes) == ([0.9, 0.92], [])
    assert (group.values("accuracy"), group.changes) == ([0.7, 0.6], [f"{what}=bbbbbbb"])


def test_the_same_result_of_other_code_is_a_change_of_its_own():
    base, group = compare(
        state(inputs={"code of train": "a" * 32}, accuracy=0.9),
        edited=state(inputs={"code of train": "b" * 32}, accuracy=0.9),
    )

    assert (base.names, group.names) == ({0: "main"}, {0: "edited"})


def test_where_the_commit_has_no_result_the_code_of_the_first_experiment_is_the_reference():
    base, group = compare(
        state(),
        first=state(inputs={"code of train": "a" * 32}, seed=1, accuracy=0.9),
        second=state(inputs={"code of train": "a" * 32}, seed=0, accuracy=0.8),
        edited=state(inputs={"code of train": "b" * 32}, seed=2, accuracy=0.9),
    )

    assert (base.names, base.values("accuracy")) == ({0: "main", 1: "first"}, [0.8, 0.9])
    assert group.changes == ["code of train=bbbbbbb"]


def test_an_experiment_that_only_trained_has_no_code_of_evaluate_to_differ():
    [base] = compare(
        state(inputs={"code of train": "a" * 32, "code of evaluate": "e" * 32}, held_out=0.8, accuracy=0.9),
        trained=state(inputs={"code of train": "a" * 32}, seed=1, held_out=0.7),
    )

    assert (base.names, base.values("held_out")) == ({0: "main", 1: "trained"}, [0.8, 0.7])


def test_the_commit_comes_first_then_the_most_accurate():
    compared = compare(
        worse=state(accuracy=0.8, recipe={"training": {"epochs": 1}}),
        better=state(accuracy=0.95, recipe={"training": {"epochs": 9}}),
        waiting=state(recipe={"training": {"epochs": 7}}),
    )
    assert [list(group.names.values()) for group in compared] == [["main"], ["better"], ["worse"], ["waiting"]]
    assert [group.changes for group in compared[1:3]] == [["training.epochs=9"], ["training.epochs=1"]]
    assert [group.mean("accuracy") for group in compared] == [0.9, 0.95, 0.8, None]


def test_experiments_that_differ_only_in_the_seed_are_one_group():
    longer = {"training": {"epochs": 9}}
    base, group = compare(
        seed_2=state(seed=2, accuracy=0.94),
        seed_1=state(seed=1, accuracy=0.92),
        longer_1=state(seed=1, accuracy=0.97, recipe=longer),
        longer_0=state(seed=0, accuracy=0.95, recipe=longer),
        longer_2=state(seed=2, recipe=longer),
    )
    assert (base.changes, base.names) == ([], {0: "main", 1: "seed_1", 2: "seed_2"})
    assert base.mean("accuracy") == pytest.approx(0.92)
    assert (group.changes, group.names) == (["training.epochs=9"], {0: "longer_0", 1: "longer_1", 2: "longer_2"})
    assert sorted(group.values("accuracy")) == [0.95, 0.97]


def test_the_same_experiment_again_counts_once():
    longer = {"training": {"epochs": 9}}
    _, group = compare(
        failed=state(recipe=longer), one=state(accuracy=0.95, recipe=longer), two=state(accuracy=0.95, recipe=longer)
    )
    assert (group.names, group.values("accuracy")) == ({0: "one"}, [0.95])


def test_another_result_of_the_same_seed_and_code_stands_alone_and_says_so():
    compared = compare(edited=state(accuracy=0.93), seed_1=state(seed=1, accuracy=0.94), again=state(accuracy=0.93))

    assert [(list(group.names.values()), group.changes) for group in compared] == [
        (["main", "seed_1"], []),
        (["edited"], [groups.OTHER_RESULT]),
    ]


def test_a_diverged_training_counts_once_though_its_loss_is_no_number():
    worse = {"training": {"epochs": 1}}
    _, group = compare(
        one=state(accuracy=0.1, loss=math.nan, recipe=worse), two=state(accuracy=0.1, loss=math.nan, recipe=worse)
    )
    assert (group.names, group.changes) == ({0: "one"}, ["training.epochs=1"])


def test_another_runs_experiments_are_left_out():
    assert [list(group.names.values()) for group in compare(large=state(accuracy=0.9), waiting=state())] == [["main"]]


def test_experiments_that_hold_images_out_come_first_and_are_ranked_by_these():
    compared = compare(
        scored=state(accuracy=0.99, recipe={"units": 1}),
        second=state(held_out=0.93, accuracy=0.98, recipe={"units": 2}),
        first=state(held_out=0.95, recipe={"units": 3}),
        waiting=state(recipe={"units": 4}),
    )
    names = [list(group.names.values()) for group in compared]
    assert names == [["main"], ["first"], ["second"], ["scored"], ["waiting"]]
    assert [group.measure for group in compared] == ["accuracy", "held_out", "held_out", "accuracy", "accuracy"]


def test_an_experiment_trained_before_and_scored_now_counts_once():
    longer = {"training": {"epochs": 9}}
    base, group = compare(
        state(held_out=0.9),
        main_scored=state(held_out=0.9, accuracy=0.91),
        scored=state(held_out=0.95, accuracy=0.96, recipe=longer),
        trained=state(held_out=0.95, recipe=longer),
    )
    assert (base.names, base.values("held_out"), base.values("accuracy")) == ({0: "main"}, [0.9], [0.91])
    assert (group.names, group.values("held_out"), group.values("accuracy")) == ({0: "scored"}, [0.95], [0.96])


def test_a_change_within_lists_and_layers_is_written_as_yaml():
    layers = {"layers": {"drop": {"layer": "Dropout", "rate": 0.5}}, "network": ["flatten", "drop"]}
    [_, group] = compare(dropout=state(accuracy=0.8, recipe=layers))
    assert group.changes == ["layers={drop: {layer: Dropout, rate: 0.5}}", "network=[flatten, drop]"]


def test_metrics_that_are_all_the_same_are_left_out():
    same = compare(validated=state(accuracy=0.9, recipe={"training": {"epochs": 5, "validation": "test"}}))
    assert groups.metrics_to_show(same) == []
    wider = compare(wider=state(accuracy=0.95, parameters=20, loss=0.2, recipe={"units": 2}))
    assert groups.metrics_to_show(wider) == ["loss", "parameters"]
    assert groups.metrics_to_show(compare(trained=state(held_out=0.95, recipe={"units": 2}))) == []


def test_averages_over_classes_are_shown_where_they_differ_from_the_accuracy():
    balanced = compare(wider=state(accuracy=0.95, balanced_accuracy=0.948, macro_f1=0.951, recipe={"units": 2}))
    assert groups.metrics_to_show(balanced) == []
    skewed = compare(wider=state(accuracy=0.99, balanced_accuracy=0.5, macro_f1=0.497, recipe={"units": 2}))
    assert groups.metrics_to_show(skewed) == ["balanced_accuracy", "macro_f1"]
