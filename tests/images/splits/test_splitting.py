import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common.errors import InputError
from stages.images import arrays
from stages.images.catalog import Dataset
from stages.images.splits import components, groups, splitting, subsets
from stages.images.splits.splitting import HoldOut, Pool
from tests import own

CLASSES = ["a", "b", "c"]
NAMES = [f"{CLASSES[number % 3]}/{number}.png" for number in range(300)]
LABELS = np.arange(300) % 3
SOURCE = Path("mine")


def test_the_same_fraction_of_each_class_is_held_out():
    labels = np.repeat([0, 1, 2], [100, 10, 2])
    order = splitting.hash_permutation([str(number) for number in range(112)], seed=0)
    train, test = splitting.stratified_split(order, labels, 0.2, CLASSES, SOURCE)
    assert (np.bincount(labels[train]).tolist(), np.bincount(labels[test]).tolist()) == ([80, 8, 1], [20, 2, 1])
    assert sorted([*train, *test]) == list(range(112))


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_each_class_is_in_both_splits(fraction):
    order = splitting.hash_permutation(NAMES, seed=0)
    for indices in splitting.stratified_split(order, LABELS, fraction, CLASSES, SOURCE):
        assert np.bincount(LABELS[indices]).min() >= 1


def test_the_split_depends_on_names_and_seed_alone():
    held = [
        set(splitting.stratified_split(splitting.hash_permutation(NAMES, seed), LABELS, 0.2, CLASSES, SOURCE)[1])
        for seed in (0, 0, 1)
    ]
    assert held[0] == held[1] != held[2]
    first = splitting.hash_permutation(["a/1.png", "a/2.png", "b/1.png", "b/2.png"], seed=0)
    assert first.tolist() == [3, 0, 2, 1]  # on every machine


def test_the_order_is_that_of_the_names_digests():
    names = [str(number) for number in range(5000)]
    digests = [hashlib.sha256(f"7 {name}".encode()).digest() for name in names]
    assert splitting.hash_permutation(iter(names), seed=7).tolist() == sorted(range(5000), key=digests.__getitem__)


@pytest.mark.parametrize("order", [[5, 0, 99, 3, 4], [], list(range(99, -1, -1))])
def test_a_subset_is_read_in_its_own_order(tmp_path, order):
    images = np.arange(100 * 6, dtype=np.uint16).astype(np.uint8).reshape(100, 2, 3)
    np.save(tmp_path / "images.npy", images)
    subset = subsets.Subset(np.lib.format.open_memmap(tmp_path / "images.npy", mode="r"), np.array(order, np.int64))
    assert subset.shape == (len(order), 2, 3)
    np.testing.assert_array_equal(subset[1:4], images[order[1:4]])


def test_an_added_picture_leaves_almost_all_others_where_they_are():
    before = splitting.stratified_split(splitting.hash_permutation(NAMES, 0), LABELS, 0.2, CLASSES, SOURCE)[1]
    names, labels = [*NAMES, "a/new.png"], [*LABELS, 0]
    after = splitting.stratified_split(splitting.hash_permutation(names, 0), np.array(labels), 0.2, CLASSES, SOURCE)[1]
    assert len({*after} ^ {*before}) <= 2


def test_a_class_with_one_picture_cannot_be_split():
    with pytest.raises(InputError, match=re.escape("mine: expected two images of each class") + ".*received one of b"):
        splitting.stratified_split(np.arange(3), np.array([0, 0, 1]), 0.2, ["a", "b"], SOURCE)


def test_the_images_held_out_are_those_of_before():
    order = splitting.hash_permutation(NAMES[:60], seed=0)
    expected = [4, 32, 47, 56, 26, 6, 10, 42, 18, 49, 31, 24]
    assert splitting.stratified_split(order, LABELS[:60], 0.2, CLASSES, SOURCE)[1].tolist() == expected
    alone = Pool(NAMES[:60], LABELS[:60], CLASSES, groups=NAMES[:60])
    assert hold_out().split(alone)[1].tolist() == expected


def hold_out(**settings):
    return HoldOut(Dataset.from_values({"folder": {}, **settings}, Path("datasets/own.yaml")), SOURCE)


def subjects(num_subjects, seed=0, num_images=300):
    """Return a group for each image; each subject has images of one class, some few and others many."""
    random = np.random.Generator(np.random.PCG64(seed))
    return [f"{index % 3}-{random.integers(0, num_subjects) ** 2 // num_subjects}" for index in range(num_images)]


@pytest.mark.parametrize("num_subjects", [5, 20, 100])
@pytest.mark.parametrize("seed", range(3))
def test_no_group_is_divided_and_the_fractions_are_near(num_subjects, seed):
    groups = subjects(num_subjects)
    train, test = hold_out(split_seed=seed).split(Pool(NAMES, LABELS, CLASSES, groups))
    assert sorted([*train, *test]) == list(range(300))
    assert {groups[index] for index in train} & {groups[index] for index in test} == set()
    assert (np.bincount(LABELS[train], minlength=3) > 0).all()
    largest = max(map(groups.count, groups))
    assert np.abs(np.bincount(LABELS[test], minlength=3) - 20).max() <= max(1, largest / 2)


def test_groups_may_have_images_of_several_classes():
    groups = [f"patient {index // 10}" for index in range(300)]
    train, test = hold_out().split(Pool(NAMES, LABELS, CLASSES, groups))
    assert len({groups[index] for index in test}) == 6
    assert np.bincount(LABELS[test]).tolist() == [19, 21, 20]
    assert {groups[index] for index in train} & {groups[index] for index in test} == set()


def test_an_added_picture_or_group_leaves_almost_all_others_where_they_are():
    groups = subjects(100)
    before = set(hold_out().split(Pool(NAMES, LABELS, CLASSES, groups))[1].tolist())
    for group in (groups[3], "new"):
        pool = Pool([*NAMES, "a/new.png"], np.array([*LABELS, 0]), CLASSES, [*groups, group])
        after = set(hold_out().split(pool)[1].tolist())
        changed = {[*groups, group][index] for index in before ^ after}
        assert len(changed) <= 2


def test_a_class_of_large_groups_has_test_images_all_the_same():
    groups = ["one"] * 50 + ["two"] * 50 + [f"single {index}" for index in range(100)]
    labels = np.repeat([0, 1], 100)
    train, test = hold_out().split(Pool([str(index) for index in range(200)], labels, CLASSES[:2], groups))
    assert (np.bincount(labels[train]).tolist(), np.bincount(labels[test]).tolist()) == ([50, 80], [50, 20])


@pytest.mark.parametrize("groups", [["x", "x", "x", "y", "z", "y"], ["x"] * 6])
def test_too_few_groups_give_one_line(groups):
    pool = Pool([str(index) for index in range(6)], np.array([0, 0, 0, 1, 1, 1]), CLASSES[:2], groups)
    with pytest.raises(
        InputError, match="mine: expected groups that leave pictures of each class to train on"
    ) as caught:
        hold_out().split(pool)
    assert "received 1 group with pictures of a;" in str(caught.value)


def test_classes_that_groups_hold_together_give_one_line():
    groups = ["ab", "ab", "ac", "ac", "bc", "bc"]  # whatever is held out, a class is missing on one side
    pool = Pool([str(index) for index in range(6)], np.array([0, 1, 0, 2, 1, 2]), CLASSES, groups)
    with pytest.raises(InputError, match=r"2 groups with pictures of [abc], which are linked to other classes"):
        hold_out().split(pool)


def test_only_some_images_are_divided():
    some = np.arange(0, 300, 2)
    train, test = hold_out().split(Pool(NAMES, LABELS, CLASSES, subjects(50), some))
    assert sorted([*train, *test]) == some.tolist()
    again = hold_out()
    train, test = again.split(Pool(NAMES, LABELS, CLASSES, None, some))
    across = np.array([[0, len(train)], [1, len(train) + 1], [5, 299]])  # positions; the last is of a validation image
    split = again.split_again(across, components.NO_PAIRS)
    assert split is not None
    assert sorted(np.concatenate(split).tolist()) == list(range(150))
    sides = [{*positions.tolist()} for positions in split]
    assert all(len(side & {*pair}) != 1 for side in sides for pair in across[:2].tolist())
    assert hold_out().split_again(across, components.NO_PAIRS) is None


def test_copies_join_groups():
    groups = [f"group {index // 3}" for index in range(300)]
    division = hold_out()
    train, test = division.split(Pool(NAMES, LABELS, CLASSES, groups))
    positions = [*train, *test]
    pairs = np.array([[positions.index(0), positions.index(297)], [positions.index(1), positions.index(150)]])
    split = division.split_again(pairs[:1], pairs[1:])
    where = {index: side for side, some in enumerate(split or (train, test)) for index in some.tolist()}
    if split:
        where = {positions[position]: side for position, side in where.items()}
    assert len({where[index] for index in (0, 1, 2, 150, 151, 152, 297, 298, 299)}) == 1
    assert all(len({where[3 * group + index] for index in range(3)}) == 1 for group in range(100))


def test_components_of_a_graph():
    pairs = np.array([[5, 4], [4, 3], [9, 5], [7, 8], [8, 7], [1, 1]])
    assert components.connect(10, pairs).tolist() == [0, 1, 2, 3, 3, 3, 6, 7, 7, 3]
    chain = np.stack([np.arange(999), np.arange(1, 1000)], axis=1)
    assert components.connect(1000, np.random.Generator(np.random.PCG64(0)).permutation(chain)).tolist() == [0] * 1000
    assert components.connect(3, components.NO_PAIRS).tolist() == [0, 1, 2]


@pytest.fixture
def patients(tmp_path, monkeypatch):
    """Twelve patients with three pictures of each of two classes; returns the folder."""
    monkeypatch.chdir(tmp_path)
    for patient in range(12):
        for index in range(6):
            path = Path(f"mine/{('ill', 'well')[index % 2]}/p{patient:02}_{index}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.Generator(np.random.PCG64(100 * patient + index)).integers(0, 256, (8, 8, 3))
            pixels[0, 0] = patient
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return Path("mine")


def sides():
    """Return the patients of the training images and of the test images, and their numbers by class."""
    output = Path("data/processed/own")
    images = [arrays.read_split(output, split)[0] for split in arrays.SPLITS]
    info = arrays.read_info(output)
    return [set(some[:, 0, 0, 0].tolist()) for some in images], info.train.images_per_class, info.test.images_per_class


GROUPS = {
    "of a file's name": "folder: {group: '(p[0-9]+)_'}\n",
    "with a choice": "folder: {group: '^(?:ill|well)/(p\\d\\d)'}\n",
    "named": "folder: {group: '/(?P<patient>[^_/]*)_'}\n",
}


@pytest.mark.parametrize("case", GROUPS)
def test_a_pattern_on_the_path_keeps_a_patient_on_one_side(patients, case):
    result = own.make(GROUPS[case])
    assert result.exit_code == 0, result.output
    (train, test), *counts = sides()
    assert (train & test, len(test), counts) == (set(), 2, [[30, 30], [6, 6]])


def test_without_a_pattern_patients_are_divided(patients):
    assert own.make("folder:\n").exit_code == 0
    (train, test), *_ = sides()
    assert len(train & test) > 3


WRONG_PATTERNS = {
    "none": ("'p[0-9]+'", "a regular expression with one group in round brackets, such as '([^/_]+)_", "with none"),
    "two": ("'(p)([0-9]+)'", "with one group", "with 2"),
    "open": ("'(p'", "with one group", "unterminated subpattern"),
    "repeated": ("'((?:p|q)+)_'", "without repeated brackets", "((?:p|q)+)_"),
    "nested": ("'(([a-z]+)*)_'", "with one group", "with 2"),
    "reference": ("'(p)\\1'", "or references to a group", "(p)"),
    "many": ("'(p.*.*.*.*.*)x'", "3 times * or +", "of 14 characters"),
    "empty": ("''", "with one group", "with none"),
    "number": ("7", "text (a number in quotes)", "7"),
    "no match": ("'(patient[0-9]+)'", "finds a group in the path of each picture, such as ill/p00_0.png", "72 of 72"),
    "some": ("'(p0[0-9])'", "such as ill/p10_0.png", "finds none in 12 of 72 paths"),
    "empty group": ("'p[0-9]+(x*)'", "such as ill/p00_0.png", "finds none in 72 of 72 paths"),
    "all in one": ("'(p)'", "groups that leave pictures of each class to train on", "1 group with pictures of ill"),
}


@pytest.mark.parametrize("case", WRONG_PATTERNS)
def test_a_wrong_pattern_gives_one_line(patients, case):
    pattern, expected, received = WRONG_PATTERNS[case]
    [line] = own.errors(own.make(f"folder: {{group: {pattern}}}\n"))
    assert expected in line
    assert received in line
    assert not Path("data/processed/own").exists()


@pytest.mark.parametrize("sign", ["\\\\)+", "[)*+]+"])
def test_signs_that_mean_themselves_are_no_repetitions(patients, sign):
    for path in list(patients.rglob("*.png")):
        path.rename(path.with_name(path.name.replace("_", ")_")))
    result = own.make(f'folder: {{group: "(p[0-9]+){sign}_"}}\n')
    assert result.exit_code == 0, result.output


def test_a_column_keeps_a_patient_on_one_side(patients):
    rows = [f"{path.relative_to('mine')},{path.parent.name},{path.name[:3]}" for path in patients.rglob("*.png")]
    table = Path("mine/labels.csv")
    table.write_text("\n".join(["path,label,patient", *rows]))
    result = own.make("csv: {group: patient}\n")
    assert result.exit_code == 0, result.output
    (train, test), *counts = sides()
    assert (train & test, len(test), counts) == (set(), 2, [[30, 30], [6, 6]])
    [line] = own.errors(own.make("csv: {group: person}\n"))
    assert line.startswith(
        "mine/labels.csv: expected the columns path, label, person, received path, label and patient"
    )
    table.write_text("\n".join(["path,label,patient", f"{rows[0][:-3]}", *rows[1:]]))
    [line] = own.errors(own.make("csv: {group: patient}\n"))
    assert line == (
        "mine/labels.csv:2: expected the group of the picture, received an empty cell; fill it; "
        "a name of its own will do"
    )


def test_a_group_may_be_written_in_several_ways(patients):
    """A patient whose number was read as a float, or has other capitals, is no second patient."""
    ways = ["P{:02}", "p{:02} ", "p {:02}", "{:02}", "{}.0", "{:02}"]
    rows = [
        f"{path.relative_to('mine')},{path.parent.name},{ways[int(path.stem[-1])].format(int(path.name[1:3]))}"
        for path in sorted(patients.rglob("*.png"))
    ]
    Path("mine/labels.csv").write_text(
        "\n".join(["path,label,patient", *(row for row in rows if "_0" in row or "_1" in row)])
    )
    result = own.make("csv: {group: patient}\n")
    assert result.exit_code == 0, result.output
    assert "merged names that are probably of one group: P00 and p00, P01 and p01, P02 and p02, …" in result.stderr
    (train, test), *_ = sides()
    assert train & test == set()
    Path("mine/labels.csv").write_text(
        "\n".join(["path,label,patient", *(row for row in rows if "_3" in row or "_4" in row)])
    )
    result = own.make("csv: {group: patient}\n")
    assert result.exit_code == 0, result.output
    (train, test), *_ = sides()
    assert train & test == set()


def test_long_numbers_of_different_patients_stay_apart():
    names = ["12345678901234567890", "12345678901234567891"]
    assert groups.merge(names) == names


@pytest.mark.parametrize("cell", ["nan", "N/A", "-"])
def test_a_missing_group_is_refused(patients, cell):
    rows = [f"{path.relative_to('mine')},{path.parent.name},{path.name[:3]}" for path in patients.rglob("*.png")]
    Path("mine/labels.csv").write_text("\n".join(["path,label,patient", f"{rows[0][:-3]}{cell}", *rows[1:]]))
    [line] = own.errors(own.make("csv: {group: patient}\n"))
    assert f"mine/labels.csv:2: expected the group of the picture, received '{cell}'; fill it" in line


def test_a_column_of_groups_beside_pixels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (60, 16))
    pixels[:, 0] = np.arange(60) // 6
    rows = [",".join(map(str, [f"s{row[0]}", index % 2, *row])) for index, row in enumerate(pixels)]
    Path("mine").mkdir()
    names = ",".join(["subject", "label", *(f"pixel{index}" for index in range(16))])
    Path("mine/labels.csv").write_text("\n".join([names, *rows]))
    result = own.make("csv: {pixels: [4, 4], group: subject}\n")
    assert result.exit_code == 0, result.output
    (train, test), *counts = sides()
    assert (train & test, len(test), counts) == (set(), 2, [[24, 24], [6, 6]])
    [line] = own.errors(own.make("csv: {pixels: [4, 4], group: person}\n"))
    assert "expected one column 'person'" in line


def test_a_split_of_the_data_that_divides_a_patient_is_refused(patients):
    for split, patients_of in (("train", range(9)), ("test", range(8, 12))):
        for path in list(patients.glob("*/p*.png")):
            if int(path.name[1:3]) in patients_of and (split, path.stem[-1]) != ("train", "5"):
                target = Path("mine") / split / path.parent.name / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
    for name in ("ill", "well"):
        (patients / name).rename(f"rest of {name}") if (patients / name).exists() else None
    for number in (1, 3):
        path = Path(f"mine/train/well/p08_{number}.png")
        path.rename(Path("mine/test/well") / path.name)
    [line] = own.errors(own.make("folder: {group: '(p[0-9]+)_'}\n"))
    assert line.startswith("mine: expected each group in one split, received 1 in several, the first p08 (")
    assert line.endswith("; move the pictures of a group into one split, or leave `group` out")
