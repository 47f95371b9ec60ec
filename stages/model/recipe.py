"""recipes/*.yaml: a network and its training, independent of any dataset."""

import re
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from stages.common.yaml_files import Config, ConfigFile, Name, did_you_mean, misfit

IMAGE, CLASSES = "image", "classes"  # names of the network's input and output; no layer may take them

FRACTION = re.compile(r"(-?\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")


def _plain_value(value: Any) -> Any:
    """Return a plain value, and a fraction such as `1/255` as a number; refuse anything that could carry code."""
    if isinstance(value, list):
        return [_plain_value(each) for each in value]
    if not isinstance(value, bool | int | float | str | None):
        raise PydanticCustomError("not_plain", "a number, a text, true, false, null or a list of these")
    fraction = FRACTION.fullmatch(value) if isinstance(value, str) else None
    if fraction is None:
        return value
    numerator, denominator = map(float, fraction.groups())
    if denominator == 0:
        raise PydanticCustomError("zero_denominator", "a fraction with a denominator other than zero")
    return numerator / denominator


# with the types that may stand in the file, for the JSON Schema
Fraction = Annotated[str, StringConstraints(pattern=f"^{FRACTION.pattern}$")]
PlainValue = Annotated[Any, BeforeValidator(_plain_value, json_schema_input_type=bool | float | str | list[Any] | None)]
Number = Annotated[
    float,
    Field(strict=True, allow_inf_nan=False),
    BeforeValidator(_plain_value, json_schema_input_type=float | Fraction),
]
Count = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]  # TensorFlow counts in int32


def _validation(value: Any) -> Any:
    """Refuse in one sentence what pydantic would refuse once as a word and once as a number."""
    if value in ("none", "test", "folder") or (type(value) is int and value >= 1):
        return value
    raise PydanticCustomError("not_validation", "none, test, folder, or a number of training images to hold out")


Validation = Annotated[Literal["none", "test", "folder"] | Annotated[int, Field(ge=1)], BeforeValidator(_validation)]


class Layer(Config):
    """Layer of the network; every other key is an argument of Keras's layer."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainValue]

    layer: str
    """Class name of a Keras layer."""
    inputs: Annotated[list[Name], Field(min_length=1)] | None = None
    """Names of the layers it reads, or `image`; by default the layer before."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of Keras's layer, by name."""
        return dict(self.__pydantic_extra__)


UNSUPPORTED = {  # arguments of optimizers, and what to write instead
    **dict.fromkeys(
        ("use_ema", "ema_momentum", "ema_overwrite_frequency"),
        "training.ema_decay, which validation sees too, in place of Keras's use_ema",
    ),
    "loss_scale_factor": "no scaling of the loss, which neither float32 nor bfloat16 needs",
}


class Optimizer(Config):
    """Keras optimizer; every other key is an argument of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainValue]

    name: str
    """Name of a Keras optimizer, in lower case or as Keras writes it."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of Keras's optimizer, by name."""
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _loop_supports_it(self) -> Self:
        for name in self.__pydantic_extra__:
            if name in UNSUPPORTED:
                raise misfit(UNSUPPORTED[name], name)
        return self


class Schedule(Config):
    """Learning rate of each step; the optimizer's own learning rate is the highest."""

    name: Literal["cosine", "one-cycle", "step"]
    """Cosine decay to zero; one rise and one fall; or a drop by a factor every few epochs."""
    warmup_epochs: Annotated[Number, Field(ge=0)] | None = None
    """Epochs of linear warm-up: from zero, or in one-cycle from 1/25. Default: none, or in one-cycle 3/10 of all."""
    every_epochs: Count | None = None
    """`step` only: epochs between two drops."""
    factor: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """`step` only: factor of a drop, 0…1."""

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        of_step = [self.every_epochs is not None, self.factor is not None]
        if (self.name == "step" and not all(of_step)) or (self.name != "step" and any(of_step)):
            raise misfit("every_epochs and factor with the schedule step, and with no other", self.name)
        return self


class Training(Config):
    """Training of the network."""

    epochs: Count
    """Passes over the training images."""
    batch_size: Count
    """Images in a step."""
    validation: Validation
    """Images to validate each epoch on: none, the test images (as two of the tutorials do), the validation images of a
    folder or table that has some, or a number of training images to hold out."""
    threads: Annotated[int, Field(ge=1, le=64, strict=True)] = 2
    """Processor threads of a step. They change the last bits of a result, so they belong to the recipe."""
    shards: Annotated[int, Field(ge=1, le=64, strict=True)] = 1
    """Shards of a batch, computed at the same time, each on an equal fraction of the threads. Faster for small
    convolutions; BatchNormalization sees a shard, not the batch."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Type of convolutions and matrix products. Weights, optimizer and loss are float32."""
    schedule: Schedule | None = None
    """Learning rate schedule; null: constant."""
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Fraction of each label that is spread evenly over all classes, 0…1."""
    class_weights: Literal["balanced"] | None = None
    """Weights of the classes in the loss; balanced: inversely proportional to their frequency. Null: all 1."""
    ema_decay: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Decay of the exponential moving average of the weights, which is validated and saved in place of the weights;
    0.999 averages over about a thousand steps. Null: no average."""
    keep: Literal["last", "best"] = "last"
    """Epoch whose weights are saved: the last, or the one with the best accuracy on the held-out images or on those of
    the validation folder."""
    patience: Count | None = None
    """Epochs without a better accuracy on the same images before training stops; null: never."""

    @model_validator(mode="after")
    def _shards_divide_the_threads(self) -> Self:
        if self.threads % self.shards:
            raise misfit(f"shards: a number that divides threads, {self.threads}", str(self.shards))
        return self

    @model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        warmup_epochs = self.schedule.warmup_epochs if self.schedule else None
        if warmup_epochs is not None and warmup_epochs > self.epochs:
            raise misfit(f"schedule.warmup_epochs: no more than epochs, {self.epochs}", warmup_epochs)
        return self

    @model_validator(mode="after")
    def _choices_are_made_on_held_out_images(self) -> Self:
        if (self.keep == "best" or self.patience is not None) and self.validation in ("none", "test"):
            expected = "validation: folder or a number of held-out images, for keep: best and patience"
            raise misfit(expected, self.validation)
        return self


class TestTime(Config):
    """Test-time augmentation: the model answers with the mean over several views of an image."""

    flip: Annotated[bool, Field(strict=True)] = False
    """Average over the image and its left-right mirror image."""
    shift: Annotated[int, Field(ge=0, strict=True)] = 0
    """Average over the image in place, and moved by this many pixels down-right and up-left, filled with black;
    0: in place alone."""

    @model_validator(mode="after")
    def _augments(self) -> Self:
        if not (self.flip or self.shift):
            raise PydanticCustomError("not_augmented", "flip: true, a shift of 1 or more, or no test_time")
        return self


class Recipe(ConfigFile):
    """The whole of a recipe's file."""

    network: Annotated[list[Name], Field(min_length=1)]
    """Names of the layers, in order. The output layer is not among them: it follows from the classes."""
    layers: dict[Name, Layer]
    """Layers, by name."""
    optimizer: Optimizer
    """Optimizer and its arguments."""
    training: Training
    """Epochs, batches, validation, precision."""
    test_time: TestTime | None = None
    """Test-time augmentation; null: none."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for position, name in enumerate(self.network):
            before = [IMAGE, *self.network[:position]]
            if name in (IMAGE, CLASSES):
                raise misfit(f"network: a name other than {IMAGE} and {CLASSES}, which are taken", name)
            if name in before:
                raise misfit("network: each name once, since it stands for one layer", name)
            if name not in self.layers:
                raise misfit(f"network: names described under layers{did_you_mean(name, self.layers)}", name)
            for read in self.layers[name].inputs or []:
                if read not in before:
                    known = f"{', '.join(before)}{did_you_mean(read, before)}"
                    raise misfit(f"layers.{name}.inputs: names that stand before it in the network: {known}", read)
        read_by_another = {self.network[-1]}.union(*self.inputs().values())
        for name in self.layers:
            if name not in self.network:
                raise misfit("layers: only layers that stand in network", name)
            if name not in read_by_another:
                raise misfit("network: a later layer to read each layer but the last", name)
        return self

    def inputs(self) -> dict[str, list[str]]:
        """Return the names of the inputs of each layer, in the order of the network."""
        return {name: self.layers[name].inputs or [before] for before, name in pairwise([IMAGE, *self.network])}
