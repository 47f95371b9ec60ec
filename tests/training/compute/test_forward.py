from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.common.determinism import enable_determinism
from stages.model.build import build_model
from stages.model.recipe import CLASSES, Recipe
from stages.training.compute.forward import ForwardPass, Shard

PATH = Path("recipes/tiny.yaml")
SHAPE, NUM_CLASSES, BATCH = (12, 12, 2), 4, 6
STEP = 3
RESCALE = {"layer": "Rescaling", "scale": "1/255"}
CONVOLUTION = {"layer": "Conv2D", "filters": 3, "kernel_size": 3}
POOL = {"layer": "MaxPooling2D", "pool_size": 2}
FLATTEN = {"layer": "Flatten"}


def convolved(pooling: dict[str, Any] = POOL, **settings: Any) -> dict[str, Any]:
    return {"rescale": RESCALE, "conv": CONVOLUTION | settings, "pool": pooling, "flatten": FLATTEN}


NETWORKS: dict[str, dict[str, Any]] = {
    **{name: convolved(activation=name) for name in ("relu", "tanh", "linear", "sigmoid", "elu", "softplus")},
    "leaky_relu": convolved(activation="leaky_relu"),
    "gelu, which is not monotone": convolved(activation="gelu"),
    "softmax, which is not of one number": convolved(activation="softmax"),
    "no bias": convolved(activation="tanh", use_bias=False),
    "strides": convolved(activation="relu", strides=2),
    "two strides": convolved(activation="relu", strides=[1, 2]),
    "padding": convolved(activation="relu", padding="same"),
    "padding and strides": convolved(activation="relu", padding="same", strides=2),
    "dilation": convolved(activation="tanh", dilation_rate=2),
    "groups": convolved(activation="relu", filters=4, groups=2),
    "pooling that overlaps": convolved(POOL | {"pool_size": 3, "strides": 1}, activation="tanh"),
    "pooling with padding": convolved(POOL | {"pool_size": 3, "padding": "same"}, activation="tanh"),
    "average pooling": convolved({"layer": "AveragePooling2D", "pool_size": 2}, activation="relu"),
    "narrow pooling": convolved(POOL | {"pool_size": [1, 4]}, activation="tanh"),
    "pooling that leaves a rest": convolved(POOL | {"pool_size": 3}, activation="relu", filters=4),
    "many filters": convolved(activation="relu", filters=17),
    "a large kernel": convolved(activation="relu", kernel_size=6),
    "two small convolutions": {
        "rescale": RESCALE,
        "conv1": CONVOLUTION | {"activation": "relu"},
        "pool1": POOL,
        "conv2": CONVOLUTION | {"kernel_size": 2, "activation": "tanh"},
        "pool2": POOL,
        "flatten": FLATTEN,
    },
    "a small one and a large one": {
        "rescale": RESCALE,
        "conv1": CONVOLUTION | {"activation": "relu"},
        "pool1": POOL,
        "conv2": CONVOLUTION | {"filters": 20, "activation": "relu"},
        "pool2": POOL,
        "flatten": FLATTEN,
    },
    "two readers": {
        "conv": CONVOLUTION | {"activation": "tanh", "padding": "same"},
        "pool": POOL | {"strides": 1, "padding": "same"},
        "both": {"layer": "Concatenate", "inputs": ["conv", "pool"]},
        "flatten": FLATTEN,
    },
    "two poolings read one": {
        "conv": CONVOLUTION | {"activation": "tanh"},
        "wide": POOL | {"pool_size": 5, "strides": 2, "padding": "same"},
        "narrow": POOL | {"pool_size": 2, "strides": 2, "padding": "same", "inputs": ["conv"]},
        "both": {"layer": "Concatenate", "inputs": ["wide", "narrow"]},
        "flatten": FLATTEN,
    },
    "residual": {
        "rescale": RESCALE,
        "conv1": CONVOLUTION | {"padding": "same", "activation": "relu"},
        "conv2": CONVOLUTION | {"padding": "same"},
        "add": {"layer": "Add", "inputs": ["conv1", "conv2"]},
        "relu": {"layer": "ReLU"},
        "pool": {"layer": "GlobalAveragePooling2D"},
    },
    "an image and its means": {
        "rescale": RESCALE,
        "conv": CONVOLUTION,
        "means": {"layer": "GlobalAveragePooling2D", "keepdims": True},
        "add": {"layer": "Add", "inputs": ["conv", "means"]},
        "flatten": FLATTEN,
    },
    "attention, which reads two inputs apart": {
        "query": {"layer": "Reshape", "target_shape": [12, 24]},
        "value": {"layer": "Reshape", "target_shape": [24, 12], "inputs": ["image"]},
        "heads": {"layer": "MultiHeadAttention", "num_heads": 2, "key_dim": 2, "inputs": ["query", "value"]},
        "groups": {
            "layer": "GroupQueryAttention",
            "head_dim": 2,
            "num_query_heads": 2,
            "num_key_value_heads": 1,
            "inputs": ["heads", "heads"],
        },
        "flatten": FLATTEN,
    },
    "dense on images": {
        "rescale": RESCALE,
        "hidden": {"layer": "Dense", "units": 3, "activation": "tanh"},
        "flatten": FLATTEN,
        "last": {"layer": "Dense", "units": 5, "activation": "softplus", "use_bias": False},
    },
    "normalized": {
        "norm1": {"layer": "BatchNormalization"},
        "conv": CONVOLUTION | {"activation": "relu"},
        "norm2": {"layer": "BatchNormalization", "momentum": 0.7, "epsilon": 0.01},
        "pool": POOL,
        "flatten": FLATTEN,
        "norm3": {"layer": "BatchNormalization"},
    },
    "normalized by the last axis, said otherwise": {
        "norm": {"layer": "BatchNormalization", "axis": 3},
        "flatten": FLATTEN,
    },
    "normalized without scale": {
        "norm": {"layer": "BatchNormalization", "scale": False},
        "pool": POOL,
        "flatten": FLATTEN,
    },
    "normalized again": {"norm": {"layer": "BatchNormalization", "renorm": True}, "flatten": FLATTEN},
    "normalized rows": {"norm": {"layer": "BatchNormalization", "axis": 1}, "flatten": FLATTEN},
    "frozen": {
        "norm": {"layer": "BatchNormalization", "trainable": False},
        "conv": CONVOLUTION | {"trainable": False, "activation": "relu"},
        "pool": POOL,
        "flatten": FLATTEN,
    },
    "activity regularizers": {
        "rescale": RESCALE,
        "conv": CONVOLUTION | {"activation": "relu", "activity_regularizer": "l2"},
        "pool": POOL,
        "flatten": FLATTEN,
        "activity": {"layer": "ActivityRegularization", "l1": 0.01},
        "hidden": {"layer": "Dense", "units": 5, "activity_regularizer": "l1"},
    },
    "weight regularizers": {
        "rescale": RESCALE,
        "conv": CONVOLUTION | {"activation": "relu", "kernel_regularizer": "l2", "bias_regularizer": "l1"},
        "pool": POOL,
        "flatten": FLATTEN,
        "norm": {"layer": "BatchNormalization", "gamma_regularizer": "l2"},
        "hidden": {"layer": "Dense", "units": 5, "kernel_regularizer": "l1"},
    },
}  # fmt: skip


def recipe_of(layers: dict[str, Any]) -> Recipe:
    values = {
        "network": list(layers),
        "layers": layers,
        "optimizer": {"name": "sgd"},
        "training": {"epochs": 1, "batch_size": 1, "validation": "none"},
    }
    return Recipe.from_values(values, PATH)


def build(layers: dict[str, Any], shape: tuple[int, int, int] = SHAPE, num_classes: int = NUM_CLASSES) -> keras.Model:
    """Return the same model each time, none of its variables at rest."""
    enable_determinism(seed=1, threads=2)
    model = build_model(recipe_of(layers), shape, num_classes)
    random = np.random.Generator(np.random.PCG64(1))
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + random.normal(0, 0.1, variable.shape))
    return model


def forward_pass(model: keras.Model, layers: dict[str, Any], dtype: str = "float32", seed: int = 0) -> ForwardPass:
    return ForwardPass(model, recipe_of(layers), dtype, seed)


def images(number: int = 0) -> tf.Tensor:
    random = np.random.Generator(np.random.PCG64([3, number]))
    return tf.constant(random.integers(0, 256, (BATCH, *SHAPE)).astype(np.float32))


def keras_logits(model: keras.Model) -> Any:
    """Return what computes the logits of a model by Keras alone, as in training."""
    head = model.get_layer(CLASSES)
    body = keras.Model(model.input, head.input)
    return lambda batch, _: tf.matmul(body(batch, training=True), head.kernel.value) + head.bias.value


def gradients(logits_of: Any, model: keras.Model, number: int = 0) -> tuple[tf.Tensor, float, list[tf.Tensor]]:
    """Return the logits, the loss with what the layers add to it, and its gradients."""
    labels = tf.range(BATCH) % NUM_CLASSES
    with tf.GradientTape() as tape:
        logits = logits_of(images(number), tf.constant(STEP))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.add_n([tf.reduce_mean(losses), *model.losses])
    return logits, float(loss), tape.gradient(loss, [variable.value for variable in model.trainable_variables])


def assert_close(expected: Any, actual: Any, fraction: float = 1e-5, least: float = 1e-3) -> None:
    """Compare two arrays by their largest numbers, or by the least that counts."""
    expected, actual = np.asarray(expected), np.asarray(actual)
    assert expected.shape == actual.shape
    assert np.abs(expected - actual).max() <= fraction * max(np.abs(expected).max(), least)


def assert_gradients_close(expected: list[tf.Tensor], actual: list[tf.Tensor]) -> None:
    largest = max(np.abs(gradient).max() for gradient in expected)
    for one, other in zip(expected, actual, strict=True):
        assert_close(one, other, fraction=3e-5, least=largest / 100)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_logits_loss_and_gradients_are_those_of_keras(layers: dict[str, Any]):
    reference, model = build(layers), build(layers)
    expected_logits, expected_loss, expected_gradients = gradients(keras_logits(reference), reference)
    logits, loss, actual_gradients = gradients(forward_pass(model, layers), model)

    assert_close(expected_logits, logits)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert_gradients_close(expected_gradients, actual_gradients)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name.startswith("normalized")] + ["frozen"])
def test_moving_means_and_variances_are_those_of_keras(name: str):
    layers = NETWORKS[name]
    reference, model = build(layers), build(layers)
    by_keras, network = keras_logits(reference), forward_pass(model, layers)
    for step in range(3):
        assert_close(by_keras(images(step), None), network(images(step), tf.constant(step)))

    moved = [not np.allclose(one, 0) and not np.allclose(one, 1) for one in model.non_trainable_variables]
    assert all(moved) == (name != "frozen")
    for expected, actual in zip(reference.non_trainable_variables, model.non_trainable_variables, strict=True):
        assert_close(expected, actual)


@pytest.mark.parametrize("settings", [{}, {"scale": False}, {"axis": 1}], ids=str)
def test_moving_means_follow_a_shard_by_its_fraction(settings: dict[str, Any]):
    layers = {"norm": {"layer": "BatchNormalization", **settings}, "flatten": FLATTEN}
    means = []
    for fraction in (0.25, 0.5, 1.0):
        model = build(layers)
        forward_pass(model, layers)(images(), tf.constant(STEP), Shard(1, BATCH, 2 * BATCH, fraction))
        means.append(model.get_layer("norm").moving_mean.numpy())

    assert means[2].all()
    assert_close(means[2] / 4, means[0])
    assert_close(means[2] / 2, means[1])


def test_dropout_is_another_in_another_shard():
    layers = {"flatten": FLATTEN, "drop": {"layer": "Dropout", "rate": 0.5}}
    network = forward_pass(build(layers, (SIDE, SIDE, 1)), layers)
    ones = tf.ones((MANY, SIDE, SIDE, 1))
    first, second = (network(ones, tf.constant(STEP), Shard(number, 0, MANY, 1.0)) for number in (0, 1))

    assert not np.allclose(first, second)


def test_an_activation_is_put_off_where_one_pooling_alone_reads_it():
    """The shapes that an activation sees tell where it is."""
    seen: list[int] = []
    for name in ("tanh", "two readers", "two poolings read one", "gelu, which is not monotone"):
        model = build(NETWORKS[name])
        layer = model.get_layer("conv")
        activation = layer.activation

        def note(numbers: tf.Tensor, activation: Any = activation) -> tf.Tensor:
            seen.append(numbers.shape[1])
            return activation(numbers)

        note.__name__ = activation.__name__
        layer.activation = note
        forward_pass(model, NETWORKS[name])(images(), tf.constant(STEP))

    assert seen == [5, 12, 10, 10]


@pytest.mark.parametrize(
    "name",
    ["relu", "no bias", "narrow pooling", "pooling that leaves a rest", "two small convolutions", "dense on images"],
)
def test_xla_makes_dense_layers_and_small_pooled_convolutions_faster(name: str):
    layers = NETWORKS[name]

    assert forward_pass(build(layers), layers).suits_xla


def test_logits_and_gradients_are_those_of_keras_in_xla():
    layers = NETWORKS["relu"]
    reference, model = build(layers), build(layers)
    compiled = tf.function(forward_pass(model, layers), jit_compile=True, autograph=False)
    expected_logits, _, expected_gradients = gradients(keras_logits(reference), reference)
    logits, _, actual_gradients = gradients(compiled, model)

    assert_close(expected_logits, logits)
    assert_gradients_close(expected_gradients, actual_gradients)


@pytest.mark.parametrize(
    "name",
    [
        "gelu, which is not monotone", "strides", "padding", "dilation", "groups", "pooling that overlaps",
        "pooling with padding", "average pooling", "many filters", "a large kernel", "a small one and a large one",
        "two readers", "residual", "normalized", "activity regularizers",
    ],
)  # fmt: skip
def test_xla_makes_other_convolutions_no_faster(name: str):
    layers = NETWORKS[name]

    assert not forward_pass(build(layers), layers).suits_xla


def test_activity_losses_are_of_this_step_alone():
    layers = NETWORKS["activity regularizers"]
    model = build(layers)
    first = gradients(forward_pass(model, layers), model)[1]
    model(images(1), training=False)  # as validation does between two epochs

    assert gradients(forward_pass(model, layers), model)[1] == first


@pytest.mark.parametrize(("axis", "expected"), [(-1, 1), (3, 1), (1, 0)])
def test_normalization_of_channels_is_one_operation(axis: int, expected: int):
    layers = {"norm": {"layer": "BatchNormalization", "axis": axis}, "flatten": FLATTEN}
    graph = tf.function(forward_pass(build(layers), layers), autograph=False).get_concrete_function(
        images(), tf.constant(STEP)
    )

    assert sum(operation.type == "FusedBatchNormV3" for operation in graph.graph.get_operations()) == expected


BETWEEN = {
    "add": {"layer": "Add", "inputs": ["one", "other"]},
    "relu": {"layer": "ReLU"},
    "tanh": {"layer": "Activation", "activation": "tanh"},
    "norm": {"layer": "BatchNormalization"},
}


def test_between_convolutions_numbers_stay_in_bfloat16():
    """The shapes that Keras's own layer sees are float32; none of these are given to it."""
    padded = CONVOLUTION | {"padding": "same"}
    layers = {"one": padded, "other": padded, **BETWEEN, "last": padded, "flatten": FLATTEN}
    graph = tf.function(forward_pass(build(layers), layers, "bfloat16"), autograph=False)
    operations = graph.get_concrete_function(images(), tf.constant(STEP)).graph.get_operations()
    kinds = {tf.float32: set(), tf.bfloat16: set()}
    for operation in operations:
        for output in operation.outputs:
            if output.dtype in kinds and output.shape.rank == 4:
                kinds[output.dtype].add(operation.type)

    assert {"AddN", "Relu", "Tanh", "FusedBatchNormV3", "Conv2D"} <= kinds[tf.bfloat16]
    assert kinds[tf.float32] <= {"Placeholder", "ReadVariableOp"}


@pytest.mark.parametrize(
    "layer",
    [
        {"layer": "ReLU", "negative_slope": 0.2},
        {"layer": "ReLU", "max_value": 0.5},
        {"layer": "ReLU", "threshold": 0.1},
        {"layer": "Activation", "activation": "gelu"},
    ],
    ids=str,
)
def test_other_activations_are_those_of_keras_too(layer: dict[str, Any]):
    layers = {"rescale": RESCALE, "act": layer, "flatten": FLATTEN}
    model = build(layers)

    assert_close(keras_logits(model)(images(), None), forward_pass(model, layers)(images(), tf.constant(STEP)))


def test_one_image_alone_can_be_normalized():
    layers = NETWORKS["normalized"]
    model = build(layers)
    logits = forward_pass(model, layers)(images()[:1], tf.constant(STEP))

    assert np.isfinite(logits).all()


SIDE, MANY = 16, 400  # images of 16×16 ones, as many classes as pixels: what comes out is what dropout made of a one


def dropped(*rates: float, seed: int = 0, step: int = 0, dtype: str = "float32") -> np.ndarray:
    """Return what dropout layers one after another make of ones, (400, 256)."""
    layers: dict[str, Any] = {"flatten": FLATTEN}
    layers |= {f"drop{number}": {"layer": "Dropout", "rate": rate} for number, rate in enumerate(rates)}
    model = build(layers, (SIDE, SIDE, 1), SIDE * SIDE)
    model.get_layer(CLASSES).set_weights([np.eye(SIDE * SIDE), np.zeros(SIDE * SIDE)])
    return forward_pass(model, layers, dtype, seed)(tf.ones((MANY, SIDE, SIDE, 1)), tf.constant(step)).numpy()


def assert_fraction(expected: float, found: np.ndarray) -> None:
    """Compare a fraction with what it should be, by four standard deviations."""
    assert abs(expected - found.mean()) < 4 * np.sqrt(expected * (1 - expected) / found.size)


@pytest.mark.parametrize("rate", [0.5, 0.3, 0.9, 0.1, 0.004])
def test_dropout_drops_its_fraction_and_keeps_the_mean(rate: float):
    numbers = dropped(rate)
    kept = numbers[numbers != 0]

    assert_fraction(rate, numbers == 0)
    assert kept == pytest.approx(1 / (1 - rate), rel=2e-4)  # the rate is met to within 1/65536
    assert_fraction(rate, numbers[:, 0] == 0)  # of each pixel, and of each image
    assert_fraction(rate, numbers[0] == 0)


def test_dropout_is_the_same_in_the_same_step_of_the_same_seed():
    assert np.array_equal(dropped(0.5, seed=7, step=11), dropped(0.5, seed=7, step=11))


@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_dropout_is_another_in_another_step_of_another_seed_and_in_another_image(rate: float):
    first = dropped(rate) == 0
    others = [dropped(rate, step=1) == 0, dropped(rate, step=2**20) == 0, dropped(rate, seed=1) == 0]
    others.append(np.roll(first, 1, axis=0))

    for other in others:
        assert_fraction(rate**2, first & other)


def test_dropout_is_another_in_another_layer():
    assert_fraction(1 - 0.5 * 0.5, dropped(0.5, 0.5) == 0)
    assert_fraction(1 - 0.7 * 0.7, dropped(0.3, 0.3) == 0)


def test_dropout_of_the_next_layer_is_not_that_of_the_next_seed():
    second_layer, next_seed = dropped(0, 0.5) == 0, dropped(0.5, seed=1) == 0

    assert_fraction(0.5**2, second_layer & next_seed)


def test_dropout_passes_gradients_where_it_passes_numbers():
    layers = {"flatten": FLATTEN, "drop": {"layer": "Dropout", "rate": 0.3}}
    model = build(layers, (SIDE, SIDE, 1), 1)
    model.get_layer(CLASSES).set_weights([np.ones((SIDE * SIDE, 1)), np.zeros(1)])
    ones = tf.Variable(tf.ones((MANY, SIDE, SIDE, 1)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(forward_pass(model, layers)(ones, tf.constant(0)))

    assert np.allclose(dropped(0.3), tf.reshape(tape.gradient(total, ones), (MANY, -1)))


def test_dropout_of_bfloat16_drops_the_same():
    assert np.array_equal(dropped(0.3) == 0, dropped(0.3, dtype="bfloat16") == 0)


@pytest.mark.parametrize(
    "name", ["relu", "tanh", "padding and strides", "two readers", "residual", "normalized", "dense on images"]
)
def test_bfloat16_is_close_and_keeps_the_parameters(name: str):
    layers = NETWORKS[name]
    reference, model = build(layers), build(layers)
    expected = keras_logits(reference)(images(), None)
    logits, _, changes = gradients(forward_pass(model, layers, "bfloat16"), model)

    assert_close(expected, logits, fraction=0.02)
    assert not np.allclose(expected, logits, rtol=1e-6, atol=0)  # it was computed in bfloat16
    assert {tensor.dtype.name for tensor in [logits, *changes]} == {"float32"}
    assert {variable.dtype for variable in model.variables} == {"float32"}
