"""Pictures read as the network sees them; tests/test_predict.py covers the models that predict them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.images.catalog import Pictures
from stages.prediction import predictor


def test_pictures_are_read_in_order_and_errors_are_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "folder").mkdir()
    for name, grey in (("folder/b.png", 20), ("folder/a.png", 10), ("c.png", 30)):
        Image.new("L", (4, 3), grey).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    named = [tmp_path / name for name in ("c.png", "broken.png", "nowhere.png", "folder")]
    images, num_errors = predictor.read_pictures(named, (3, 4, 1), Pictures())

    assert list(images) == [tmp_path / name for name in ("c.png", "folder/a.png", "folder/b.png")]
    assert [image.shape for image in images.values()] == [(3, 4, 1)] * 3
    assert [np.unique(image).tolist() for image in images.values()] == [[30], [10], [20]]
    assert num_errors == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {tmp_path}/broken.png: expected a picture, received ")
    assert second.startswith(f"error: {tmp_path}/nowhere.png: expected a picture or a folder of pictures, received ")
