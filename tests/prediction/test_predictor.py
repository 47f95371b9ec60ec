"""Pictures read as the network sees them; tests/test_predict.py covers the models that predict them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.images import catalog
from stages.prediction import predictor
from tests import rasters

RAMP = np.arange(256).reshape(16, 16)
WHOLE = catalog.Pictures()


class Log:
    """Lines of the log."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    @property
    def messages(self) -> list[str]:
        """Return the lines since the last call."""
        return self._capsys.readouterr().err.splitlines()


@pytest.fixture()
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


def read(tmp_path, conversion=WHOLE):
    return predictor.read_pictures([tmp_path], (16, 16, 1), conversion)


def test_pictures_of_more_than_8_bits_are_one_error(tmp_path, log):
    for number in range(3):
        rasters.write_png(tmp_path / f"{number}.png", RAMP * 5)
    Image.fromarray(RAMP.astype(np.uint8)).save(tmp_path / "good.png")
    images, num_errors = read(tmp_path)
    assert (list(images), num_errors) == ([tmp_path / "good.png"], 3)
    [line] = log.messages
    assert line.startswith(f"error: {tmp_path / '0.png'} and 2 more: expected values that use the 16 bits of the file")
    images, num_errors = read(tmp_path, catalog.Pictures(value_range=(0, 1275)))
    assert num_errors == 0
    for image in images.values():
        np.testing.assert_allclose(image[..., 0], RAMP, atol=1)


def test_a_range_of_the_dataset_refuses_colour_of_16_bits(tmp_path, log):
    for number in range(2):
        rasters.write_png(tmp_path / f"{number}.png", np.stack([RAMP * 80] * 3, 2), rasters.COLOUR)
    images, num_errors = read(tmp_path, catalog.Pictures(value_range=(0, 20400)))
    assert (images, num_errors) == ({}, 2)
    [line] = log.messages
    assert line.startswith(f"error: {tmp_path / '0.png'} and 1 more: expected grey pixels without transparency, as")


def test_ranges_that_differ_are_an_error(tmp_path, log):
    for name, highest in (("a.tif", 200), ("b.tif", 300)):
        rasters.write_tiff(tmp_path / name, (RAMP / 2).astype("<f4"), stated=(0, highest))
    _, num_errors = read(tmp_path)
    assert num_errors == 1
    assert log.messages == [
        f"error: {tmp_path / 'b.tif'}: expected the range 0…200, as {tmp_path / 'a.tif'} states it, received 0…300; "
        "add value_range: [black, white] under folder, csv or photos in the dataset's file"
    ]


def test_notes_and_warnings_are_told_once(tmp_path, log):
    frames = [Image.fromarray(np.roll(RAMP, number, 1).astype(np.uint8)) for number in range(3)]
    for name in ("a.gif", "b.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    Image.new("L", (16, 16), 90).save(tmp_path / "plain.png")
    drawing = Image.new("LA", (16, 16), (0, 0))
    drawing.paste((255, 255), (4, 4, 8, 12))
    drawing.save(tmp_path / "white.png")
    images, num_errors = read(tmp_path)
    assert (len(images), num_errors) == (4, 0)
    assert log.messages == [
        f"light drawings without a background, laid on black: 1 picture {tmp_path / 'white.png'}",
        f"only the first frame or page of several is read: 2 pictures, the first {tmp_path / 'a.gif'}",
        f"warning: 1 of 4 pictures show one colour, or nearly: {tmp_path / 'plain.png'}",
    ]


def test_pictures_are_read_in_order_and_errors_are_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "folder").mkdir()
    for name, grey in (("folder/b.png", 20), ("folder/a.png", 10), ("c.png", 30)):
        Image.new("L", (4, 3), grey).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    named = [tmp_path / name for name in ("c.png", "broken.png", "nowhere.png", "folder")]
    images, num_errors = predictor.read_pictures(named, (3, 4, 1), WHOLE)

    assert list(images) == [tmp_path / name for name in ("c.png", "folder/a.png", "folder/b.png")]
    assert [image.shape for image in images.values()] == [(3, 4, 1)] * 3
    assert [np.unique(image).tolist() for image in images.values()] == [[30], [10], [20]]
    assert num_errors == 2
    first, second, plain = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {tmp_path}/broken.png: expected a picture, received ")
    assert second.startswith(f"error: {tmp_path}/nowhere.png: expected a picture or a folder of pictures, received ")
    assert plain.startswith("warning: 3 of 3 pictures show one colour")
