from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.common.errors import InputError
from stages.model import build, keras_file
from stages.model.recipe import Recipe
from tests.pipeline import ROOT

PATH = Path("recipes/mlp.yaml")
SHAPE, CLASSES = (8, 8, 3), 4

PARAMETERS = {  # of the tutorials' systems, for images of 28×28×1 and ten classes
    "mlp": 55_050,
    "cnn-small": 13_610,
    "mlp-wide": 407_050,
    "cnn-5x5": 3_274_634,
    "cnn-tanh": 150_742,
    "cnn-gap": 19_466,
    "cnn-dropout": 409_162,
}

FLATTEN = {"layer": "Flatten"}
CONVOLUTION = {"filters": 2, "kernel_size": 3}
FACTOR = {"factor": 0.2}
RESHAPED = {  # what stands before a layer
    "image": [8, 8, 3],
    "vector": [192],
    "sequence": [8, 24],
    "volume": [4, 4, 4, 3],  # or a film of 4 images of 4×4×3
    "film of volumes": [3, 4, 4, 4, 1],
    "two images": [8, 8, 3],
    "two sequences": [8, 24],
}
pytestmark = pytest.mark.usefixtures("deterministic")
# every layer that a recipe may name, by what it reads, with arguments that it works with
LAYERS: dict[str, dict[str, dict[str, Any]]] = {
    "image": {
        "Activation": {"activation": "relu"},
        "ActivityRegularization": {"l1": 0.1},
        "AdaptiveAveragePooling2D": {"output_size": 2},
        "AdaptiveMaxPooling2D": {"output_size": [2, 4]},
        "AlphaDropout": {"rate": 0.5},
        "AugMix": {},
        "AutoContrast": {},
        "AveragePooling2D": {"pool_size": 2},
        "BatchNormalization": {"momentum": 0.9},
        "CenterCrop": {"height": 4, "width": 4},
        "ContrastLimitedAdaptiveHistogramEqualization": {},
        "Conv2D": {**CONVOLUTION, "activation": "relu", "kernel_regularizer": "l2"},
        "Conv2DTranspose": CONVOLUTION,
        "ConvLSTM1D": CONVOLUTION,
        "Cropping2D": {"cropping": [[1, 1], [0, 2]]},
        "Dense": {"units": 2, "trainable": False},
        "DepthwiseConv2D": {"kernel_size": 3},
        "Dropout": {"rate": 0.5, "seed": 1},
        "EinsumDense": {"equation": "abcd,de->abce", "output_shape": [8, 8, 2]},
        "ELU": {},
        "Flatten": {},
        "GaussianDropout": {"rate": 0.5},
        "GaussianNoise": {"stddev": 0.5},
        "GlobalAveragePooling2D": {},
        "GlobalMaxPooling2D": {},
        "GroupNormalization": {"groups": 3},
        "Identity": {},
        "LayerNormalization": {},
        "LeakyReLU": {},
        "Masking": {},
        "MaxPooling2D": {"pool_size": 2, "padding": "same"},
        "Normalization": {"mean": 127.5, "variance": 5000.0},
        "Permute": {"dims": [2, 1, 3]},
        "PReLU": {"shared_axes": [1, 2]},
        "RandAugment": {},
        "RandomBrightness": FACTOR,
        "RandomColorDegeneration": FACTOR,
        "RandomColorJitter": {"brightness_factor": 0.2, "hue_factor": 0.1},
        "RandomContrast": FACTOR,
        "RandomElasticTransform": {},
        "RandomErasing": {},
        "RandomFlip": {"mode": "horizontal"},
        "RandomGaussianBlur": {},
        "RandomGrayscale": {},
        "RandomHue": FACTOR,
        "RandomInvert": {},
        "RandomPerspective": {},
        "RandomPosterization": {"factor": 4},
        "RandomRotation": {**FACTOR, "fill_mode": "constant"},
        "RandomSaturation": FACTOR,
        "RandomSharpness": FACTOR,
        "RandomShear": {"x_factor": [0.1, 0.2]},  # as one number, Keras would not load it again
        "RandomTranslation": {"height_factor": 0.1, "width_factor": [-0.1, 0.2]},
        "RandomZoom": {"height_factor": 0.1},
        "ReLU": {"max_value": 6},
        "Rescaling": {"scale": "1/255"},
        "Resizing": {"height": 4, "width": 4},
        "RMSNormalization": {},
        "SeparableConv2D": CONVOLUTION,
        "Softmax": {},
        "Solarization": {},
        "SpatialDropout2D": {"rate": 0.5},
        "UnitNormalization": {},
        "UpSampling2D": {},
        "ZeroPadding2D": {},
    },
    "vector": {
        "CategoryEncoding": {"num_tokens": 256},
        "Discretization": {"bin_boundaries": [64, 128, 192]},
        "Embedding": {"input_dim": 256, "output_dim": 2},
        "Hashing": {"num_bins": 8},
        "MelSpectrogram": {"fft_length": 64, "sequence_stride": 16, "num_mel_bins": 4},
        "RepeatVector": {"n": 2},
        "Reshape": {"target_shape": [8, -1]},
        "ReversibleEmbedding": {"input_dim": 256, "output_dim": 2},
    },
    "sequence": {
        "AdaptiveAveragePooling1D": {"output_size": 2},
        "AdaptiveMaxPooling1D": {"output_size": 2},
        "AveragePooling1D": {"pool_size": 2},
        "Conv1D": CONVOLUTION,
        "Conv1DTranspose": CONVOLUTION,
        "Cropping1D": {},
        "DepthwiseConv1D": {"kernel_size": 3},
        "GlobalAveragePooling1D": {},
        "GlobalMaxPooling1D": {},
        "GRU": {"units": 2},
        "LSTM": {"units": 2, "return_sequences": True},
        "MaxPooling1D": {},
        "SeparableConv1D": CONVOLUTION,
        "SimpleRNN": {"units": 2},
        "SpatialDropout1D": {"rate": 0.5},
        "STFTSpectrogram": {"frame_length": 4, "frame_step": 2, "window": None},
        "UpSampling1D": {},
        "ZeroPadding1D": {},
    },
    "volume": {
        "AdaptiveAveragePooling3D": {"output_size": 2},
        "AdaptiveMaxPooling3D": {"output_size": 2},
        "AveragePooling3D": {"pool_size": 2},
        "Conv3D": CONVOLUTION,
        "Conv3DTranspose": CONVOLUTION,
        "ConvLSTM2D": CONVOLUTION,
        "Cropping3D": {},
        "GlobalAveragePooling3D": {},
        "GlobalMaxPooling3D": {},
        "MaxPooling3D": {},
        "SpatialDropout3D": {"rate": 0.5},
        "UpSampling3D": {},
        "ZeroPadding3D": {},
    },
    "film of volumes": {"ConvLSTM3D": CONVOLUTION},
    "two images": {
        "Add": {},
        "Average": {},
        "Concatenate": {"axis": -1},
        "Dot": {"axes": 3},
        "Maximum": {},
        "Minimum": {},
        "Multiply": {},
        "Subtract": {},
    },
    "two sequences": {
        "AdditiveAttention": {},
        "Attention": {},
        "GroupQueryAttention": {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1},
        "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    },
}


def recipe(layers: dict[str, dict[str, Any]], optimizer: dict[str, Any] | None = None) -> Recipe:
    training = {"epochs": 1, "batch_size": 2, "validation": "none"}
    values = {
        "network": list(layers),
        "layers": layers,
        "optimizer": optimizer or {"name": "sgd"},
        "training": training,
    }
    return Recipe.from_values(values, PATH)


def random_images(count: int, shape: tuple[int, int, int] = SHAPE) -> npt.NDArray[np.uint8]:
    return np.random.Generator(np.random.PCG64(0)).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_the_tutorials_networks_have_the_parameters_they_print(name: str, expected: int):
    path = ROOT / f"recipes/{name}.yaml"
    model = build.build_model(Recipe.load(path), (28, 28, 1), 10)

    assert model.count_params() == expected


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_any_recipe_can_be_put_to_any_dataset(path: Path):
    model = build.build_model(Recipe.load(path), (32, 32, 3), 7)
    probabilities = model(random_images(2, (32, 32, 3)).astype(np.float32), training=False).numpy()

    assert (probabilities.shape, probabilities.dtype) == ((2, 7), np.float32)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)


def branch(name: str) -> dict[str, dict[str, Any]]:
    """Return layers that read the image, give a flat vector, and have the named one between them."""
    classes = build.layer_classes()
    kind = classes[name].__name__
    listed = kind if kind in classes else name  # Convolution2D is another name of Conv2D
    reads, arguments = next((reads, of_kind[listed]) for reads, of_kind in LAYERS.items() if listed in of_kind)
    before = f"before-{name}"
    two = {"inputs": [before, before]} if reads.startswith("two ") else {}
    return {
        before: {"layer": "Reshape", "target_shape": RESHAPED[reads], "inputs": ["image"]},
        name: {"layer": name, **arguments, **two},
        f"after-{name}": FLATTEN,
    }


@pytest.mark.parametrize("name", sorted(build.layer_classes()))
def test_every_allowed_layer_can_be_built_saved_and_loaded(name: str, tmp_path: Path):
    images = random_images(4).astype(np.float32)
    model = build.build_model(recipe(branch(name)), SHAPE, CLASSES)
    keras_file.save(model, tmp_path / "model.keras")
    loaded = keras_file.load(tmp_path / "model.keras", SHAPE, CLASSES)
    probabilities = model(images, training=False)

    assert isinstance(loaded.get_layer(name), build.layer_classes()[name])
    assert np.isfinite(probabilities).all()
    assert np.array_equal(probabilities, loaded(images, training=False))


def test_all_allowed_layers_learn_together():
    import tensorflow

    named = [name for of_kind in LAYERS.values() for name in of_kind]
    layers = {layer: settings for name in named for layer, settings in branch(name).items()}
    layers["all"] = {"layer": "Concatenate", "inputs": [f"after-{name}" for name in named]}
    model = build.build_model(recipe(layers), SHAPE, CLASSES)
    model.compile("adam", loss="sparse_categorical_crossentropy", run_eagerly=True)  # the graph would take a minute

    assert np.isfinite(model.train_on_batch(random_images(4), np.arange(4)))
    assert [weight.path for weight in model.weights if not np.isfinite(weight).all()] == []
    graph = tensorflow.function(model).get_concrete_function(tensorflow.TensorSpec((None, *SHAPE)), training=True)
    assert graph.output_shapes.as_list() == [None, CLASSES]


def test_the_table_above_has_no_layer_that_keras_lacks():
    assert {name for of_kind in LAYERS.values() for name in of_kind} <= build.layer_classes().keys()


@pytest.mark.parametrize(("name", "reason"), sorted(build.FORBIDDEN.items()))
def test_every_forbidden_layer_is_refused(name: str, reason: str):
    with pytest.raises(InputError) as caught:
        build.build_model(recipe({"tested": {"layer": name}, "flatten": FLATTEN}), SHAPE, CLASSES)

    expected = f"{PATH}: layers.tested.layer: expected a layer that plain values configure, received {name}; {reason}"
    assert str(caught.value) == f"{expected}, choose another"


def test_every_layer_that_carries_code_is_forbidden():
    assert {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"} <= build.FORBIDDEN.keys()
    assert not build.FORBIDDEN.keys() & build.layer_classes().keys()


@pytest.mark.parametrize("name", sorted(build.optimizer_classes()))
def test_every_optimizer_makes_a_step(name: str):
    layers = {"rescale": {"layer": "Rescaling", "scale": "1/255"}, "flatten": FLATTEN}
    model = build.build_model(recipe(layers), SHAPE, CLASSES)
    before = model.get_weights()[0]
    optimizer = build.build_optimizer(recipe(layers, optimizer={"name": name, "learning_rate": 0.1}))
    model.compile(optimizer, loss="sparse_categorical_crossentropy", run_eagerly=True)
    model.train_on_batch(random_images(4), np.arange(4))

    assert np.isfinite(model.get_weights()[0]).all()
    assert not np.array_equal(before, model.get_weights()[0])


def test_optimizers_may_be_named_as_keras_writes_them():
    assert type(build.build_optimizer(recipe({"flatten": FLATTEN}, optimizer={"name": "AdamW"}))).__name__ == "AdamW"


def test_residual_networks_add_what_their_inputs_name():
    same = {"layer": "Conv2D", "filters": 3, "kernel_size": 3, "padding": "same"}
    layers = {
        "conv1": same,
        "conv2": same,
        "add": {"layer": "Add", "inputs": ["conv1", "conv2"]},
        "flatten": FLATTEN,
    }
    model = build.build_model(recipe(layers), SHAPE, CLASSES)
    images = random_images(2).astype(np.float32)
    conv1, conv2, classes = (model.get_layer(name) for name in ("conv1", "conv2", "classes"))

    added = conv1(images) + conv2(conv1(images))
    assert np.array(model(images)) == pytest.approx(np.array(classes(np.reshape(added, (2, -1)))), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "settings", "count", "expected"),
    [
        ("Dense", {"units": 2}, 1, ("a",)),
        ("Add", {}, 2, (["a", "b"],)),
        ("MultiHeadAttention", {"num_heads": 2, "key_dim": 2}, 2, ("a", "b")),
        ("GroupQueryAttention", {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1}, 2, ("a", "b")),
    ],
)
def test_a_layer_is_called_with_its_inputs_as_it_takes_them(
    name: str, settings: dict[str, int], count: int, expected: tuple[Any, ...]
):
    layer = build.layer_classes()[name](**settings)

    assert build.call_arguments(layer, ["a", "b"][:count]) == expected


@pytest.mark.parametrize(("name", "expected"), [("Flatten", {}), ("BatchNormalization", {"training": True})])
def test_a_layer_that_knows_training_is_told_of_it(name: str, expected: dict[str, bool]):
    assert build.training_argument(build.layer_classes()[name]()) == expected


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ({"layer": "Conv2d"}, "layers.tested.layer: expected a layer of Keras (did you mean 'Conv2D'?), received"),
        ({"layer": "Dense", "unit": 3}, "expected an argument of Dense (units, activation, use_bias,"),
        ({"layer": "Dense", "unit": 3}, "trainable) (did you mean 'units'?), received 'unit'"),
        ({"layer": "Dense", "units": 3, "name": "x"}, "received 'name'"),
        ({"layer": "Dense"}, "layers.tested.units: expected a value, received nothing; edit the file"),
        (
            {"layer": "Dense", "units": -3},
            ".units: expected a whole number of 1 or more and below 2³¹, received",
        ),
        ({"layer": "Dropout", "rate": 2}, ".rate: expected a number of 0 or more and below 1, received 2"),
        ({"layer": "Dropout", "rate": "no", "seed": -1}, "received 'no'; edit the file (and 1 more to fix)"),
        (
            {"layer": "Dense", "units": 3, "activation": "Rel"},
            "units=3, activation='Rel': Could not interpret",
        ),
        (
            {"layer": "Dense", "units": 3, "lora_rank": 2},
            ".lora_rank: expected no such argument in a recipe, ",
        ),
        ({"layer": "MaxPooling2D", "pool_size": 9}, "(8, 8, 3): Computed output size would be zero or negative"),
        ({"layer": "Reshape", "target_shape": [5]}, "(8, 8, 3): The total size of the tensor must be unchanged"),
        ({"layer": "LSTM", "units": 2}, "expected inputs that LSTM accepts, received the shape (8, 8, 3): "),
        ({"layer": "Dense", "units": 2, "inputs": ["image", "image"]}, "the shape (8, 8, 3), (8, 8, 3): "),
        ({"layer": "Add"}, "A merge layer should be called on a list of inputs"),
        ({"layer": "Identity"}, "expected the last layer to give a flat vector for each image, received"),
    ],
)
def test_what_keras_refuses_is_told_with_its_reason(layer: dict[str, Any], expected: str):
    with pytest.raises(InputError) as caught:
        build.build_model(recipe({"tested": layer}), SHAPE, CLASSES)

    assert str(caught.value).startswith(f"{PATH}: layers.tested")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ({"layer": "RandomHue", "factor": 0.5}, "input must have 3 channels but input only has 1 channels"),
        ({"layer": "Rescaling", "scale": [1, 2, 3]}, "the layer makes the shape (1, 8, 8, 3) of one image"),
        ({"layer": "RandomShear", "x_factor": 0.2}, "The `factor` argument should be a number"),
        ({"layer": "Dropout", "rate": 0.5, "noise_shape": [7, 7, 7, 7]}, "must be broadcastable"),
        ({"layer": "Discretization", "num_bins": 3}, "You need to either pass the `bin_boundaries` argument"),
    ],
)
def test_what_would_only_fail_in_training_is_told_before_it(layer: dict[str, Any], expected: str):
    with pytest.raises(InputError) as caught:
        build.build_model(recipe({"tested": layer, "flatten": FLATTEN}), (8, 8, 1), CLASSES)

    assert str(caught.value).startswith(
        f"{PATH}: layers.tested: expected inputs that {layer['layer']} accepts, received"
    )
    assert expected in str(caught.value)


def test_trying_the_layers_out_leaves_their_state_alone():
    layers = {"norm": {"layer": "BatchNormalization"}, "drop": {"layer": "Dropout", "rate": 0.5, "seed": 7}}
    model = build.build_model(recipe(layers | {"flatten": FLATTEN}), SHAPE, CLASSES)

    assert model.get_layer("norm").moving_mean.numpy().tolist() == [0, 0, 0]
    assert model.get_layer("norm").moving_variance.numpy().tolist() == [1, 1, 1]
    assert model.get_layer("drop").seed_generator.state.numpy().tolist() == [7, 0]


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ({"name": "adamm"}, "optimizer.name: expected an optimizer of Keras (did you mean 'adam'?), received 'adamm'"),
        ({"name": "adam", "learningrate": 1}, "(did you mean 'learning_rate'?), received 'learningrate'"),
        (
            {"name": "adam", "learning_rate": "fast"},
            "optimizer.learning_rate: expected a number above 0, received 'fast'; edit the file",
        ),
        ({"name": "sgd", "clipnorm": 1, "clipvalue": 1}, "Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"),
        ({"name": "LossScaleOptimizer"}, "received 'lossscaleoptimizer'"),
    ],
)
def test_wrong_optimizers_are_refused(optimizer: dict[str, Any], expected: str):
    with pytest.raises(InputError) as caught:
        build.build_optimizer(recipe({"flatten": FLATTEN}, optimizer=optimizer))

    assert str(caught.value).startswith(f"{PATH}: optimizer")
    assert expected in str(caught.value)
