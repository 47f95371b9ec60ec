"""recipes/*.yaml: a network and how it is trained, free of any dataset."""

import re
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from stages.settings import Name, Schema, did_you_mean

IMAGE, CLASSES = "image", "classes"  # what the network reads and what it answers; no layer may take these names

FRACTION = re.compile(r"(-?\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")

Plain = bool | int | float | str | None | list["Plain"]


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


PlainValue = Annotated[Any, BeforeValidator(_plain)]


def _validation(value: Any) -> Any:
    """Refuse in one sentence what pydantic would refuse once for the words and once for the number."""
    if value in ("none", "test") or (type(value) is int and value >= 1):
        return value
    raise PydanticCustomError("not_validation", "none, test, or a number of training images to hold out")


Validation = Annotated[Literal["none", "test"] | Annotated[int, Field(ge=1)], BeforeValidator(_validation)]


class Layer(Schema):
    """One layer: Keras's class name, Keras's arguments, and which layers it reads (by default the one before)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainValue]

    layer: str
    inputs: Annotated[list[Name], Field(min_length=1)] | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What the recipe gives Keras's layer, by argument name."""
        return dict(self.__pydantic_extra__)


class Optimizer(Schema):
    """Keras's optimizer by name, in small letters or as Keras writes it, and Keras's arguments."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainValue]

    name: str

    @property
    def arguments(self) -> dict[str, Any]:
        """What the recipe gives Keras's optimizer, by argument name."""
        return dict(self.__pydantic_extra__)


class Training(Schema):
    """How the network is trained.

    Attributes:
        epochs: Times that every training image is seen.
        batch_size: Images in a step.
        validation: What the curves are validated on: nothing, the test images (as two of the tutorials do), or so
            many images held out of the training set.
        threads: Processor threads of a step. They change the last bits of a result, so they belong to the recipe.
    """

    epochs: Annotated[int, Field(ge=1, strict=True)]
    batch_size: Annotated[int, Field(ge=1, strict=True)]
    validation: Validation
    threads: Annotated[int, Field(ge=1, le=64, strict=True)] = 2


class Recipe(Schema):
    """A recipe's file.

    Attributes:
        network: The layers' names, in order. The output layer is not among them: it follows from the classes.
        layers: What each name stands for.
        optimizer: What changes the weights.
        training: How often, how many at a time, and what is held out.
    """

    network: Annotated[list[Name], Field(min_length=1)]
    layers: dict[Name, Layer]
    optimizer: Optimizer
    training: Training

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for position, name in enumerate(self.network):
            before = [IMAGE, *self.network[:position]]
            if name in (IMAGE, CLASSES):
                raise _misfit(name, f"network: a name other than {IMAGE} and {CLASSES}, which are taken")
            if name in before:
                raise _misfit(name, "network: each name once, since it stands for one layer")
            if name not in self.layers:
                raise _misfit(name, f"network: names described under layers{did_you_mean(name, self.layers)}")
            for read in self.layers[name].inputs or []:
                if read not in before:
                    known = f"{', '.join(before)}{did_you_mean(read, before)}"
                    raise _misfit(read, f"layers.{name}.inputs: names that stand before it in the network: {known}")
        read_by_another = {self.network[-1]}
        for previous, name in pairwise([IMAGE, *self.network]):
            read_by_another.update(self.layers[name].inputs or [previous])
        for name in self.layers:
            if name not in self.network:
                raise _misfit(name, "layers: only layers that stand in network")
            if name not in read_by_another:
                raise _misfit(name, "network: a later layer to read each layer but the last")
        return self


def _misfit(name: str, expected: str) -> PydanticCustomError:
    # {expected} as a field, because a message may not hold braces of its own
    return PydanticCustomError("unknown_key", "{expected}", {"expected": expected, "key": name})
