"""Tiny data that a network learns in a second: each class is a bright bar at a place of its own."""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

NUM_CLASSES = 10
PARAMS = """\
downloads: []
datasets:
  tiny: {source: data/raw/tiny}
runs:
  tiny-mlp: {dataset: tiny, recipe: mlp, seed: 0}
"""
PUBLISHED = """\
accuracy:
  tiny: {mlp: 0.5}
"""
DATASET = """\
title: Tiny
licence: CC0
source: tests/tiny.py
classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
files:
  train_images: {name: train-images-idx3-ubyte}
  train_labels: {name: train-labels-idx1-ubyte}
  test_images: {name: t10k-images-idx3-ubyte}
  test_labels: {name: t10k-labels-idx1-ubyte}
"""
RECIPE = """\
network: [rescale, flatten, hidden]
layers:
  rescale: {layer: Rescaling, scale: 1/255}
  flatten: {layer: Flatten}
  hidden: {layer: Dense, units: 16, activation: relu}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 20, validation: none}
"""


def digits(count: int, seed: int, size: int = 28) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return `count` images, uint8 (count, size, size), and their labels, uint8 (count,), every class among them."""
    random = np.random.Generator(np.random.PCG64(seed))
    labels = random.permutation(np.arange(count) % NUM_CLASSES).astype(np.uint8)
    images = random.integers(0, 40, (count, size, size), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 2 * label + 2 : 2 * label + 4] = 250
    return images, labels


def write_idx(path: Path, array: npt.NDArray[np.uint8]) -> Path:
    """Write an array as IDX."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.tobytes())
    return path


def write_source(folder: Path, train: int = 200, test: int = 50) -> Path:
    """Write the four IDX files of a tiny dataset."""
    for prefix, count, seed in (("train", train, 1), ("t10k", test, 2)):
        images, labels = digits(count, seed)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
    return folder


def write_project(folder: Path) -> Path:
    """Write a project with one tiny dataset, one recipe and one run, as far as the commands need one."""
    texts = {
        "params.yaml": PARAMS,
        "published.yaml": PUBLISHED,
        "datasets/tiny.yaml": DATASET,
        "recipes/mlp.yaml": RECIPE,
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    write_source(folder / "data/raw/tiny")
    return folder
