from typing import Any

import pytest

from stages.common.errors import InputError
from stages.experiments import groups

RECIPE = {"training": {"epochs": 5}, "optimizer": {"name": "adam", "learning_rate": 0.001}}
SCORED = {"accuracy": 0.9, "train_accuracy": 0.95, "loss": 0.3, "errors": 1000, "parameters": 10}


def state(seed: int = 0, recipe: dict[str, Any] | None = None, **results: float) -> dict[str, Any]:
    """Return a revision as `dvc exp show --json` lists it, with its results; without any, it has not run yet."""
    runs = {"mlp": {"dataset": "tiny", "recipe": "small", "seed": seed}, "other": {"recipe": "large", "seed": 0}}
    return {
        "rev": "0" * 40,
        "name": None,
        "results": (SCORED if "accuracy" in results else {}) | results,
        "data": {
            "params": {
                "params.yaml": {"data": {"runs": runs}},
                "recipes/small.yaml": {"data": RECIPE | (recipe or {})},
                "recipes/large.yaml": {"data": RECIPE},
            },
        },
    }


def compare(commit: dict[str, Any] | None = None, **experiments: dict[str, Any]) -> list[groups.Group]:
    """Compare experiments with the commit `main`."""
    entries = [{"name": name, "revs": [each | {"rev": name}], "executor": None} for name, each in experiments.items()]
    main = (commit or state(accuracy=0.9)) | {"rev": "main", "name": "main", "experiments": entries or None}
    results = {each["rev"]: each.get("results", {}) for each in (main, *(entry["revs"][0] for entry in entries))}
    return groups.compare([state(accuracy=0.1), main], "mlp", results)


def test_without_experiments_there_is_the_commit():
    [base] = compare()
    assert (base.changes, base.names, base.values("accuracy")) == ([], {0: "main"}, [0.9])


def test_another_seed_on_other_data_is_a_change_of_its_own():
    def on(arrays: str, **arguments: Any) -> dict[str, Any]:
        revision = state(**arguments)
        revision["data"]["outs"] = {"data/processed/tiny": {"hash": arrays}, "data/processed/other": {"hash": "5" * 32}}
        return revision

    base, group = compare(
        on("a" * 32, accuracy=0.9),
        same=on("a" * 32, seed=1, accuracy=0.92),
        split=on("b" * 32, seed=1, accuracy=0.7),
    )

    assert (base.values("accuracy"), base.changes) == ([0.9, 0.92], [])
    assert (group.values("accuracy"), group.changes) == ([0.7], ["data/processed/tiny=bbbbbbb"])


def test_a_run_that_is_not_committed_is_an_error():
    with pytest.raises(InputError, match=r"the run newcomer in the last commit too"):
        groups.compare([state(accuracy=0.1), state(accuracy=0.9) | {"name": "main"}], "newcomer", {})


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


def test_another_result_of_the_same_seed_stands_alone_since_code_changed():
    compared = compare(edited=state(accuracy=0.93))
    assert [list(group.names.values()) for group in compared] == [["main"], ["edited"]]


def test_another_runs_experiments_are_left_out():
    elsewhere = {"training": {"epochs": 9}}
    entry = state(accuracy=0.9)
    entry["data"]["params"]["recipes/large.yaml"]["data"] = RECIPE | elsewhere
    waiting = state()
    waiting["data"]["params"]["recipes/large.yaml"]["data"] = RECIPE | elsewhere
    assert [list(group.names.values()) for group in compare(large=entry, waiting=waiting)] == [["main"]]


def test_an_experiment_that_cannot_be_read_is_left_out():
    failed = {"rev": "f" * 40, "name": None, "data": None, "error": {"msg": "no", "type": "DvcException"}}
    assert [name for group in compare(failed=failed) for name in group.names.values()] == ["main"]


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
