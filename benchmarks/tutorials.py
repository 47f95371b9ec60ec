"""Seven systems as their five tutorials write them, in today's Keras: data, network, `compile` and `fit`.

Each function takes training and test examples as `load_data` of Keras's datasets returns them: images, uint8,
(N, 28, 28), 0…255, and labels, (N,).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from keras.utils import to_categorical

Examples = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class Tutorial(NamedTuple):
    """Compiled model, and the arguments of its `fit` except the number of epochs."""

    model: keras.Model
    fit: dict[str, Any]


def mnist_mlp(train: Examples, test: Examples) -> Tutorial:
    """Return the main system of the first tutorial; the pixels are float64, as there."""
    images, labels = train
    images = ((images / 255) - 0.5).reshape((-1, 784))
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return Tutorial(model, {"x": images, "y": to_categorical(labels), "batch_size": 32})


def mnist_cnn_small(train: Examples, test: Examples) -> Tutorial:
    """Return the convolutional network of the first tutorial."""
    images, labels = train
    images = np.expand_dims((images / 255) - 0.5, axis=3)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3),
            layers.MaxPooling2D(pool_size=2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return Tutorial(model, {"x": images, "y": to_categorical(labels), "batch_size": 32})


def mnist_mlp_wide(train: Examples, test: Examples) -> Tutorial:
    """Return the system of the second tutorial."""
    images, labels = train
    images = images.reshape((-1, 28 * 28)).astype("float32") / 255
    model = keras.Sequential(
        [keras.Input((28 * 28,)), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return Tutorial(model, {"x": images, "y": to_categorical(labels), "batch_size": 128})


def mnist_cnn_5x5(train: Examples, test: Examples) -> Tutorial:
    """Return the system of the third tutorial as its text describes it; its code takes the 28 rows for channels."""
    images, labels = train
    images = images.reshape(-1, 28, 28, 1) / 255
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same"),
            layers.Activation("relu"),
            layers.MaxPooling2D(pool_size=(2, 2), strides=(2, 2), padding="same"),
            layers.Conv2D(64, 5, padding="same"),
            layers.Activation("relu"),
            layers.MaxPooling2D(pool_size=(2, 2), padding="same"),
            layers.Flatten(),
            layers.Dense(1024),
            layers.Activation("relu"),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-4), loss="categorical_crossentropy", metrics=["accuracy"])
    return Tutorial(model, {"x": images, "y": to_categorical(labels, num_classes=10), "batch_size": 64})


def mnist_cnn_tanh(train: Examples, test: Examples) -> Tutorial:
    """Return the system of the fourth tutorial, with the learning rate that was Adadelta's default then."""
    (images, labels), (test_images, test_labels) = train, test
    images, test_images = images.reshape(-1, 28, 28, 1), test_images.reshape(-1, 28, 28, 1)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, (3, 3), activation="tanh"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(16, (2, 2), activation="tanh"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dense(256, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adadelta(1.0), "categorical_crossentropy", metrics=["accuracy"])
    test_examples = (test_images, to_categorical(test_labels, 10))
    return Tutorial(
        model, {"x": images, "y": to_categorical(labels, 10), "batch_size": 128, "validation_data": test_examples}
    )


def fashion_cnn_gap(train: Examples, test: Examples) -> Tutorial:
    """Return the first system of the fifth tutorial; the batch size is Keras's default."""
    (images, labels), (test_images, test_labels) = train, test
    images, test_images = np.expand_dims(images, -1), np.expand_dims(test_images, -1)
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPool2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["acc"])
    return Tutorial(model, {"x": images, "y": labels, "validation_data": (test_images, test_labels)})


def fashion_cnn_dropout(train: Examples, test: Examples) -> Tutorial:
    """Return the second system of the fifth tutorial; the batch size is Keras's default."""
    (images, labels), (test_images, test_labels) = train, test
    images, test_images = np.expand_dims(images, -1), np.expand_dims(test_images, -1)
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            layers.Conv2D(64, (3, 3), activation="relu", padding="same"),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu", padding="same"),
            layers.Dropout(0.5),
            layers.MaxPool2D(pool_size=(2, 2)),
            layers.Conv2D(128, kernel_size=(3, 3), activation="relu", padding="same"),
            layers.Dropout(0.5),
            layers.MaxPool2D(pool_size=(2, 2)),
            layers.Conv2D(256, kernel_size=(3, 3), activation="relu"),
            layers.Dropout(0.5),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["acc"])
    return Tutorial(model, {"x": images, "y": labels, "validation_data": (test_images, test_labels)})


TUTORIALS: dict[str, Callable[[Examples, Examples], Tutorial]] = {
    "mnist-mlp": mnist_mlp,
    "mnist-cnn-small": mnist_cnn_small,
    "mnist-mlp-wide": mnist_mlp_wide,
    "mnist-cnn-5x5": mnist_cnn_5x5,
    "mnist-cnn-tanh": mnist_cnn_tanh,
    "fashion-cnn-gap": fashion_cnn_gap,
    "fashion-cnn-dropout": fashion_cnn_dropout,
}
