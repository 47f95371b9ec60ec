"""Arguments of Keras's layers and optimizers: their types and ranges.

Keras checks few of its arguments. `use_bias: no` is a text to YAML 1.2 and true to Python, `units: true` is one unit,
and with a learning rate below zero the loss rises. Here, the type of an argument follows from its default in Keras's
signature. The tables hold what a signature cannot tell: types without a default, and ranges. They go by the argument's
name, which means the same in all of Keras's classes.
"""

import inspect
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model

from stages.common.yaml_files import Config, misfit, said
from stages.model.recipe import UNSUPPORTED, Number, PlainValue

MAX_INTEGER = 2**31 - 1  # TensorFlow ends the process at some larger numbers
SMALLEST = 1.2e-38  # float32, in which Keras computes, has no smaller number of full precision
MAX_SIZE = 4096  # size of a kernel, a pool or a step between them; TensorFlow ends the process at some larger ones
MODEL_IS_NEW = "it changes a layer that is trained already"
NO_PLAIN_VALUE = "it takes no plain value"
WITHHELD = {
    "lora_rank": MODEL_IS_NEW,
    "lora_alpha": MODEL_IS_NEW,
    "gptq_unpacked_column_size": MODEL_IS_NEW,
    "quantization_config": NO_PLAIN_VALUE,
    "renorm_clipping": NO_PLAIN_VALUE,
    "reverse_dtype": NO_PLAIN_VALUE,
    "weights": NO_PLAIN_VALUE,
}


def _ascending(values: list[float]) -> list[float]:
    if values[0] >= values[1]:
        raise ValueError
    return values


def _not_zero_in_float32(value: float) -> float:
    if value < SMALLEST:
        raise misfit(f"a number of {SMALLEST} or more, since smaller ones are 0 in float32", value)
    return value


Boolean = Annotated[bool, Field(strict=True), said("true or false")]
Text = Annotated[str, Field(min_length=1), said("text")]
Integer = Annotated[int, Field(strict=True, ge=-MAX_INTEGER, le=MAX_INTEGER), said("a whole number below 2³¹")]
Count = Annotated[int, Field(strict=True, ge=1, le=MAX_INTEGER), said("a whole number of 1 or more and below 2³¹")]
NonNegativeInteger = Annotated[
    int, Field(strict=True, ge=0, le=MAX_INTEGER), said("a whole number of 0 or more and below 2³¹")
]
TwoOrMore = Annotated[int, Field(strict=True, ge=2, le=MAX_INTEGER), said("a whole number of 2 or more and below 2³¹")]
Axis = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=9)] | Annotated[int, Field(strict=True, ge=-9, le=-1)],
    said("an axis from 1, or from -1 backwards; 0 is the batch's"),
]
AnyNumber = Annotated[Number, said("a number")]
Positive = Annotated[Number, Field(gt=0), said("a number above 0"), AfterValidator(_not_zero_in_float32)]
NonNegative = Annotated[Number, Field(ge=0), said("a number of 0 or more")]
NonPositive = Annotated[Number, Field(le=0), said("a number of 0 or less")]
Rate = Annotated[Number, Field(ge=0, lt=1), said("a number of 0 or more and below 1")]
Size = Annotated[int, Field(strict=True, ge=1, le=MAX_SIZE), said(f"a whole number, 1…{MAX_SIZE}")]
Size2 = Annotated[int, Field(strict=True, ge=2, le=MAX_SIZE)]
Sizes = Annotated[Size | list[Size], said(f"a whole number, 1…{MAX_SIZE}, or a list of them")]
Paddings = Annotated[
    NonNegativeInteger | list[NonNegativeInteger | list[NonNegativeInteger]],
    said("a whole number of 0 or more, a list of them, or a list of pairs"),
]
Axes = Annotated[Axis | list[Axis], said("an axis from 1, or from -1 backwards, or a list of them; 0 is the batch's")]
Shape = Annotated[list[Integer | None], said("a list of whole numbers")]
Numbers = Annotated[AnyNumber | list[AnyNumber | list[AnyNumber]], said("a number or a list of numbers")]
Range = Annotated[
    list[AnyNumber],
    Field(min_length=2, max_length=2),
    AfterValidator(_ascending),
    said("a list of two numbers, the lower first"),
]

BY_NAME: dict[str, Any] = {
    **dict.fromkeys(("filters", "units", "output_dim", "input_dim", "height", "width", "n", "depth_multiplier"), Count),
    **dict.fromkeys(("head_dim", "key_dim", "value_dim", "num_heads", "num_query_heads", "num_key_value_heads"), Count),
    **dict.fromkeys(("num_bins", "num_tokens", "num_mel_bins", "num_chains", "fft_length", "frame_length"), Count),
    **dict.fromkeys(("frame_step", "sampling_rate", "sequence_length", "sequence_stride", "sliding_window"), Count),
    **dict.fromkeys(("kernel_size", "pool_size", "strides", "dilation_rate", "size", "output_size"), Sizes),
    **dict.fromkeys(("cropping", "padding", "output_padding"), Paddings),
    **dict.fromkeys(("attention_axes", "axes", "axis", "shared_axes"), Axes),
    **dict.fromkeys(("dims", "noise_shape", "target_shape"), Shape),
    **dict.fromkeys(("rate", "dropout", "recurrent_dropout"), Rate),
    **dict.fromkeys(("momentum", "renorm_momentum", "rho", "beta_1", "beta_2", "adam_beta_1", "adam_beta_2"), Rate),
    **dict.fromkeys(("learning_rate", "adam_lr_ratio", "clipnorm", "clipvalue", "global_clipnorm"), Positive),
    **dict.fromkeys(("epsilon", "epsilon_1", "epsilon_2", "clip_threshold", "logit_soft_cap", "rms_rate"), Positive),
    **dict.fromkeys(("max_freq", "min_power", "ref_power", "clip_limit"), Positive),
    **dict.fromkeys(("weight_decay", "adam_weight_decay", "initial_accumulator_value", "beta", "stddev"), NonNegative),
    **dict.fromkeys(("l1", "l2", "l1_regularization_strength", "l2_regularization_strength"), NonNegative),
    **dict.fromkeys(("l2_shrinkage_regularization_strength", "max_value", "negative_slope", "threshold"), NonNegative),
    **dict.fromkeys(("beta_2_decay", "learning_rate_power"), NonPositive),
    **dict.fromkeys(("factor", "height_factor", "width_factor", "x_factor", "y_factor", "sigma"), Numbers),
    **dict.fromkeys(("brightness_factor", "contrast_factor", "hue_factor", "saturation_factor"), Numbers),
    **dict.fromkeys(("addition_factor", "threshold_factor", "scale", "offset", "mean"), Numbers),
    **dict.fromkeys(("activation", "bias_axes", "data_format", "dtype", "equation"), Text),
    "bin_boundaries": Annotated[list[AnyNumber], said("a list of numbers")],
    "exclude_layers": Annotated[list[Text], said("a list of texts")],
    "fill_value": AnyNumber,
    "flash_attention": Boolean,
    "gradient_accumulation_steps": TwoOrMore,
    "groups": Count,
    "mag_exp": Positive,
    "mask_value": AnyNumber,
    "min_freq": NonNegative,
    "ns_steps": Count,
    "output_shape": Annotated[Integer | Shape, said("a whole number or a list of them")],
    "salt": Annotated[Integer | list[Integer], said("a whole number or a list of them")],
    "seed": NonNegativeInteger,
    "tile_grid_size": Sizes,
    "top_db": AnyNumber,
    "value_range": Range,
    "variance": Annotated[
        Positive | list[Positive | list[Positive]], said("a number above 0 or a list of such numbers")
    ],
    "warmup_steps": NonNegativeInteger,
}
BY_CLASS: dict[tuple[str, str], Any] = {  # where a class differs from the others, or Keras lets anything pass
    **dict.fromkeys(
        ((f"AdaptiveMaxPooling{dimensions}D", "output_size") for dimensions in (1, 2, 3)),  # of 1, it ends the process
        Annotated[Size2 | list[Size2], said(f"a whole number, 2…{MAX_SIZE}, or a list of them")],
    ),
    **dict.fromkeys(
        (("GRU", "use_cudnn"), ("LSTM", "use_cudnn")),
        Annotated[Boolean | Literal["auto"], said("true or false, or auto")],
    ),
    ("GroupNormalization", "groups"): Annotated[Count | Literal[-1], said("a whole number of 1 or more, or -1")],
    ("Hashing", "mask_value"): Annotated[AnyNumber | Text, said("a number or text")],
    ("RandomFlip", "mode"): Annotated[
        Literal["horizontal", "vertical", "horizontal_and_vertical"],
        said("horizontal, vertical or horizontal_and_vertical"),
    ],
}
BY_SUFFIX = ("_constraint", "_regularizer")  # texts
BY_DEFAULT = {bool: Boolean, int: Integer, float: AnyNumber, str: Text}
REQUIRED = {("Normalization", "mean"), ("Normalization", "variance")}  # Keras has them measured by a call of `adapt`
# arguments that may be null though their default is not: no activation, no window
NULLABLE = {"activation", "recurrent_activation", "scaling", "window"}


def parameters(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a Keras class that a recipe may set, by name."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    of_class = [each for each in inspect.signature(kind).parameters.values() if each.kind in named]
    if hasattr(kind, "call"):  # a layer: Keras takes `trainable` among **kwargs
        of_class.append(inspect.Parameter("trainable", inspect.Parameter.KEYWORD_ONLY, default=True))
    hidden = {"name", *WITHHELD, *UNSUPPORTED}
    return {each.name: each for each in of_class if each.name not in hidden}


@cache
def model_of(kind: type) -> type[Config]:
    """Return the model of a Keras class's arguments, which checks their names, types and ranges."""
    fields = {name: _field(kind.__name__, parameter) for name, parameter in parameters(kind).items()}
    return create_model(kind.__name__, __base__=Config, **fields)  # type: ignore[call-overload, no-any-return]


def _field(class_name: str, parameter: inspect.Parameter) -> tuple[Any, Any]:
    """Return the type of an argument, and its default or `...` if it is required."""
    kind, default = _type(class_name, parameter), parameter.default
    is_required = default is parameter.empty or (class_name, parameter.name) in REQUIRED
    is_nullable = parameter.name in NULLABLE or (default is None and not is_required)
    return (kind | None if is_nullable else kind), (... if is_required else default)


def _type(class_name: str, parameter: inspect.Parameter) -> Any:
    """Return the type of an argument that is not null; one that nothing is known of takes any plain value."""
    name, default = parameter.name, parameter.default
    if (class_name, name) in BY_CLASS:
        return BY_CLASS[class_name, name]
    if name.endswith(BY_SUFFIX):
        return Text
    if isinstance(default, bool | str):
        return BY_DEFAULT[type(default)]
    return BY_NAME.get(name, BY_DEFAULT.get(type(default), PlainValue))
