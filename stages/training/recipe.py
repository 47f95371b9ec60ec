"""recipes/*.yaml: a network and how it is trained, free of any dataset."""

import re
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from stages.settings import Name, Schema, did_you_mean, misfit

IMAGE, CLASSES = "image", "classes"  # what the network reads and what it answers; no layer may take these names

FRACTION = re.compile(r"(-?\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")


def _plain(value: Any) -> Any:
    """Return a plain value, a fraction such as `1/255` as the number it is; refuse what could carry code."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if not isinstance(value, bool | int | float | str | None):
        raise PydanticCustomError("not_plain", "a number, a text, true, false, null or a list of these")
    fraction = FRACTION.fullmatch(value) if isinstance(value, str) else None
    if fraction is None:
        return value
    numerator, denominator = map(float, fraction.groups())
    if denominator == 0:
        raise PydanticCustomError("zero_denominator", "a fraction with a denominator other than zero")
    return numerator / denominator


# what may stand in the file, for its JSON Schema
Fraction = Annotated[str, StringConstraints(pattern=f"^{FRACTION.pattern}$")]
PlainValue = Annotated[Any, BeforeValidator(_plain, json_schema_input_type=bool | float | str | list[Any] | None)]
Number = Annotated[float, BeforeValidator(_plain, json_schema_input_type=float | Fraction)]


def _validation(value: Any) -> Any:
    """Refuse in one sentence what pydantic would refuse once for the words and once for the number."""
    if value in ("none", "test") or (type(value) is int and value >= 1):
        return value
    raise PydanticCustomError("not_validation", "none, test, or a number of training images to hold out")


Validation = Annotated[Literal["none", "test"] | Annotated[int, Field(ge=1)], BeforeValidator(_validation)]


class Layer(Schema):
    """One layer: Keras's class name, Keras's arguments, and which layers it reads.

    Attributes:
        layer: Keras's class name; every other key is an argument of it.
        inputs: Names of the layers it reads, or `image`; by default the one before.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainValue]

    layer: str
    inputs: Annotated[list[Name], Field(min_length=1)] | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What the recipe gives Keras's layer, by argument name."""
        return dict(self.__pydantic_extra__)


class Optimizer(Schema):
    """Keras's optimizer, and Keras's arguments.

    Attributes:
        name: Keras's name, in small letters or as Keras writes it; every other key is an argument of it.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainValue]

    name: str

    @property
    def arguments(self) -> dict[str, Any]:
        """What the recipe gives Keras's optimizer, by argument name; a learning rate of 1 is 1.0."""
        arguments = dict(self.__pydantic_extra__)
        if type(arguments.get("learning_rate")) is int:
            arguments["learning_rate"] = float(arguments["learning_rate"])
        return arguments

    @model_validator(mode="after")
    def _asks_for_what_the_loop_does(self) -> Self:
        for name in self.__pydantic_extra__:
            if name in ("use_ema", "ema_momentum", "ema_overwrite_frequency"):
                raise misfit("training.ema_decay, which validation sees too, in place of Keras's use_ema", name)
            if name == "loss_scale_factor":
                raise misfit("no scaling of the loss, which neither float32 nor bfloat16 needs", name)
        return self


class Schedule(Schema):
    """How the learning rate changes from step to step; the optimizer's own is the highest.

    Attributes:
        name: Down along a cosine to zero; up and down once; or down by a factor every so many epochs.
        warmup_epochs: How many epochs it rises before that, from zero or, in one-cycle, from a 25th. By default none,
            or, in one-cycle, three tenths of all.
        every_epochs: `step` only: epochs between two drops.
        factor: `step` only: what a drop multiplies it by, 0…1.
    """

    name: Literal["cosine", "one-cycle", "step"]
    warmup_epochs: Annotated[Number, Field(ge=0, allow_inf_nan=False)] | None = None
    every_epochs: Annotated[int, Field(ge=1, strict=True)] | None = None
    factor: Annotated[Number, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        of_step = [self.every_epochs is not None, self.factor is not None]
        if (self.name == "step" and not all(of_step)) or (self.name != "step" and any(of_step)):
            raise misfit("every_epochs and factor with the schedule step, and with no other", self.name)
        return self


class Training(Schema):
    """How the network is trained.

    Attributes:
        epochs: Times that every training image is seen.
        batch_size: Images in a step.
        validation: What the curves are validated on: nothing, the test images (as two of the tutorials do), or so
            many images held out of the training set.
        threads: Processor threads of a step. They change the last bits of a result, so they belong to the recipe.
        shards: Parts of a batch that are computed at the same time, each on its share of the threads. Faster for small
            convolutions; BatchNormalization sees a shard, not the batch.
        precision: What convolutions and matrix products are computed in. Weights, optimizer and loss are float32.
        schedule: How the learning rate changes, or null if it does not.
        label_smoothing: Share of each label that is spread evenly over all classes, 0…1.
        ema_decay: How much each step keeps of the average of the weights, which is then validated and saved in place
            of the weights; 0.999 averages over about a thousand steps. Null: no average.
        keep: The weights of the last epoch, or of the one that was best on the held-out images.
        patience: Stop after so many epochs without a better accuracy on the held-out images; null: never.
    """

    epochs: Annotated[int, Field(ge=1, strict=True)]
    batch_size: Annotated[int, Field(ge=1, strict=True)]
    validation: Validation
    threads: Annotated[int, Field(ge=1, le=64, strict=True)] = 2
    shards: Annotated[int, Field(ge=1, le=64, strict=True)] = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    schedule: Schedule | None = None
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    ema_decay: Annotated[Number, Field(gt=0, lt=1)] | None = None
    keep: Literal["last", "best"] = "last"
    patience: Annotated[int, Field(ge=1, strict=True)] | None = None

    @model_validator(mode="after")
    def _shards_share_the_threads(self) -> Self:
        if self.threads % self.shards:
            raise misfit(f"shards: a number that divides threads, {self.threads}", str(self.shards))
        return self

    @model_validator(mode="after")
    def _choices_are_made_on_held_out_images(self) -> Self:
        if (self.keep == "best" or self.patience is not None) and isinstance(self.validation, str):
            raise misfit("validation: a number of held-out images, for keep: best and patience", self.validation)
        return self


class TestTime(Schema):
    """Test-time augmentation: what the answer is averaged over when the model is asked; a training step is as without.

    Attributes:
        flip: The image and its mirror image, left to right.
        shift: The image in place, and moved so many pixels down-right and up-left, black where nothing moves in;
            0: in place alone.
    """

    flip: Annotated[bool, Field(strict=True)] = False
    shift: Annotated[int, Field(ge=0, strict=True)] = 0

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.flip or self.shift):
            raise PydanticCustomError("one_view", "flip: true, a shift of 1 or more, or no test_time")
        return self


class Recipe(Schema):
    """A recipe's file.

    Attributes:
        network: The layers' names, in order. The output layer is not among them: it follows from the classes.
        layers: What each name stands for.
        optimizer: What changes the weights.
        training: How often, how many at a time, and what is held out.
        test_time: What the answer is averaged over; null: the image as it is alone.
    """

    network: Annotated[list[Name], Field(min_length=1)]
    layers: dict[Name, Layer]
    optimizer: Optimizer
    training: Training
    test_time: TestTime | None = None

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
        """Return which layers each layer reads, in the order of the network."""
        return {name: self.layers[name].inputs or [before] for before, name in pairwise([IMAGE, *self.network])}
