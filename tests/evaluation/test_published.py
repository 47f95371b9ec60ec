from pathlib import Path

import pytest

from stages.common.errors import InputError
from stages.evaluation import published
from tests.pipeline import ROOT


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_accuracy_belongs_to_a_recipe_on_a_dataset():
    published.PATH.write_text("accuracy: {tiny: {mlp: 0.5, wide: 1}, other: {mlp: 0.0}}\n")
    others = published.Published.load(published.PATH)

    assert others.find_accuracy("tiny", "mlp") == 0.5
    assert others.find_accuracy("other", "mlp") == 0.0
    assert others.find_accuracy("other", "wide") is None
    assert others.find_accuracy("third", "mlp") is None


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        ("tiny: {mpl: 0.5}", "accuracy.tiny.mpl is no recipe (did you mean 'mlp'?)"),
        ("tiny: {MLP: 0.5}", "accuracy.tiny.MLP is no recipe (did you mean 'mlp'?)"),
        ("tiny: {mlp-wide: 0.5, mlp_: 0.5}", "accuracy.tiny.mlp_ is no recipe (did you mean 'mlp'?)"),
        ("tinny: {mlp: 0.5}", "accuracy.tinny is no dataset (did you mean 'tiny'?)"),
        ("tiny: {mlp: 0.5, mpl: 0.5}", None),  # nothing is missing
        ("tiny: {mlp-wide: 0.5}", None),  # a recipe of its own
        ("tiny: {mlp-wid: 0.5}", None),  # nearer to another
        ("tiny: {transformer: 0.5}", None),  # near to none
        ("other: {mlp: 0.5}", None),
        ("tiny: {}", None),
    ],
)
def test_a_name_without_a_file_is_a_misspelling_of_the_nearest_that_has_one(accuracy: str, expected: str | None):
    for name in ("recipes/mlp.yaml", "recipes/mlp-wide.yaml", "datasets/tiny.yaml", "datasets/other.yaml"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    published.PATH.write_text(f"accuracy: {{{accuracy}}}\n")

    assert published.Published.load(published.PATH).find_misspelling("tiny", "mlp") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy: {tiny: {mlp: '0.965'}}", "accuracy.tiny.mlp: expected a number, received '0.965'"),
        ("accuracy: {tiny: {mlp: true}}", "accuracy.tiny.mlp: expected a number, received true"),
        ("accuracy: {tiny: {mlp: .nan}}", "accuracy.tiny.mlp: expected less than or equal to 1, received nan"),
        ("accuracy: {tiny: {mlp: 96.5}}", "accuracy.tiny.mlp: expected less than or equal to 1, received 96.5"),
        ("acuracy: {}", "(did you mean 'accuracy'?), received 'acuracy'"),
        ("", "expected the keys accuracy, received an empty file"),
        (None, "expected a file of this name, received none"),
    ],
)
def test_a_misfit_is_an_error(text: str | None, expected: str):
    if text is not None:
        published.PATH.write_text(text)

    with pytest.raises(InputError) as caught:
        published.Published.load(published.PATH)
    assert str(caught.value).startswith("published.yaml: ")
    assert expected in str(caught.value)


def test_the_projects_own_accuracies_belong_to_datasets_and_recipes_that_exist():
    for dataset, accuracies in published.Published.load(ROOT / published.PATH).accuracy.items():
        named = [Path("datasets", f"{dataset}.yaml"), *(Path("recipes", f"{recipe}.yaml") for recipe in accuracies)]
        assert [path for path in named if not (ROOT / path).is_file()] == []
