import numpy as np
import pytest

from stages.common.errors import InputError
from stages.images import arrays
from stages.images.arrays import DatasetInfo
from tests import tiny

CLASSES = list("0123456789")


def write(folder, train=50, test=20):
    folder.mkdir()
    data = {"train": tiny.digits(train, seed=1), "test": tiny.digits(test, seed=2)}
    infos = {
        split: arrays.write_split(folder, split, images, labels, 10, advance=lambda amount: None)
        for split, (images, labels) in data.items()
    }
    arrays.write_info(folder, DatasetInfo(classes=CLASSES, image_shape=(28, 28, 1), **infos))
    return data


def test_written_arrays_are_read_back_as_memory_maps(tmp_path):
    data = write(tmp_path / "arrays")
    for split in arrays.SPLITS:
        images, labels = arrays.read_split(tmp_path / "arrays", split)
        assert [(type(array), array.flags.writeable) for array in (images, labels)] == [(np.memmap, False)] * 2
        assert [(a.dtype, a.shape[1:]) for a in (images, labels)] == [(np.uint8, (28, 28, 1)), (np.int32, ())]
        np.testing.assert_array_equal(images, data[split][0][..., np.newaxis])
        np.testing.assert_array_equal(labels, data[split][1])


@pytest.mark.parametrize("chunk", [1, 7 * 784, 50 * 784 - 1, 1 << 22])
def test_the_statistics_are_those_of_numpy_for_any_chunk(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(arrays, "CHUNK_PIXELS", chunk)
    monkeypatch.setattr(arrays, "MIN_CHUNK_IMAGES", 1)
    images, labels = write(tmp_path / "arrays")["train"]
    info = arrays.read_info(tmp_path / "arrays").train
    assert info.images == 50
    assert info.images_per_class == np.bincount(labels).tolist()
    assert info.pixel_mean == pytest.approx(images.mean(), abs=5e-5)
    assert info.pixel_deviation == pytest.approx(images.std(), abs=5e-5)


def test_classes_without_images_are_counted_too(tmp_path):
    info = arrays.write_split(
        tmp_path, "train", np.zeros((2, 3, 4), np.uint8), np.array([1, 1]), 4, advance=lambda amount: None
    )
    assert (info.images_per_class, info.pixel_mean, info.pixel_deviation) == ([0, 2, 0, 0], 0, 0)


def test_progress_adds_up_to_the_number_of_images(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "CHUNK_PIXELS", 16 * 784)
    moves = []
    arrays.write_split(tmp_path, "train", *tiny.digits(50, seed=1), 10, moves.append)
    assert moves == [16, 16, 16, 2]


def test_large_images_are_read_sixteen_at_a_time_too(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "CHUNK_PIXELS", 784)
    moves = []
    arrays.write_split(tmp_path, "train", *tiny.digits(50, seed=1), 10, moves.append)
    assert moves == [16, 16, 16, 2]


def test_written_arrays_have_the_bytes_of_numpys_own_files(tmp_path):
    images, labels = write(tmp_path / "arrays")["train"]
    np.save(tmp_path / "images.npy", images[..., np.newaxis])
    np.save(tmp_path / "labels.npy", labels.astype(np.int32))
    for kind in ("images", "labels"):
        written = tmp_path / "arrays" / f"train_{kind}.npy"
        assert written.read_bytes() == (tmp_path / f"{kind}.npy").read_bytes()


class Hostile:
    def __reduce__(self):
        return exec, ("open('ran', 'w')",)


DAMAGE = {
    "missing": (lambda path: path.unlink(), "expected an array, received none"),
    "empty": (lambda path: path.write_bytes(b""), "expected a whole .npy file, received"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "expected a whole .npy file, received"),
    "not .npy": (lambda path: path.write_bytes(b"PK\3\4 or anything"), "expected a whole .npy file, received"),
    "archive of arrays": (
        lambda path: path.write_bytes(np.savez(path.with_suffix(".npz"), a=1) or path.with_suffix(".npz").read_bytes()),
        "expected a whole .npy file, received",
    ),
    "header of code": (
        lambda path: path.write_bytes(b"\x93NUMPY\1\0\x20\0" + b"__import__('os').mkdir('ran')".ljust(32)),
        "expected a whole .npy file, received",
    ),
    "bare pickle": (
        lambda path: np.array([Hostile()], dtype=object).dump(path),
        "expected a whole .npy file, received",
    ),
    "pickled object": (
        lambda path: np.save(path, np.array([Hostile()] * 20, dtype=object), allow_pickle=True),
        "expected a whole .npy file, received",
    ),
    "floats": (
        lambda path: np.save(path, np.zeros((20, 28, 28, 1))),
        r"expected uint8 \(20, 28, 28, 1\), received float64 \(20, 28, 28, 1\)",
    ),
    "other count": (
        lambda path: np.save(path, np.zeros((19, 28, 28, 1), np.uint8)),
        r"expected uint8 \(20, 28, 28, 1\), received uint8 \(19, 28, 28, 1\)",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_array_is_refused_and_runs_nothing(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "arrays")
    damage, expected = DAMAGE[case]
    damage(tmp_path / "arrays" / "test_images.npy")
    with pytest.raises(InputError, match=rf"test_images.npy: {expected}.*; run the preprocess stage again") as caught:
        arrays.read_split(tmp_path / "arrays", "test")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "expected the description of a dataset, received none; run dvc repro"),
        ("", "expected the description of a dataset, received"),
        ("{}", "received Field required"),
        ('{"classes": 1}', "received Input should be a valid array"),
        ("[]", "expected the description of a dataset, received"),
        ("\ud800", "expected the description of a dataset, received"),
    ],
)
def test_damaged_metadata_are_refused(tmp_path, content, expected):
    if content is not None:
        (tmp_path / arrays.INFO_FILE).write_text(content, errors="surrogatepass")
    with pytest.raises(InputError, match=expected):
        arrays.read_info(tmp_path)
