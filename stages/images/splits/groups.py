"""Groups of pictures of one subject, such as a patient or a burst, which stay on one side of the split."""

import re
from collections.abc import Sequence
from pathlib import Path

from stages.common.errors import InputError
from stages.images.picture_files.labelled_pictures import LabelledPicture
from stages.images.problems import shorten


def name_by_path(listed: Sequence[LabelledPicture], pattern: str, where: str, source: Path) -> list[LabelledPicture]:
    """Return pictures with the groups that a pattern finds in their paths.

    Args:
        listed: The pictures.
        pattern: Regular expression with one group, searched in the path from the dataset's folder.
        where: File and key of the pattern, for errors.
        source: Folder of the pictures.

    Raises:
        InputError: A path does not match, or the group is empty.
    """
    expression = re.compile(pattern)
    found = [expression.search(picture.path) for picture in listed]
    names = [match[1] if match else None for match in found]
    missing = [picture for picture, name in zip(listed, names, strict=True) if not name]
    if missing:
        expected = f"a pattern that finds a group in the path of each picture, such as {missing[0].path}"
        received = f"{shorten(pattern)}, which finds none in {len(missing)} of {len(listed)} paths"
        raise InputError(where, expected, received, f"correct the pattern, or the names in {source}")
    return [picture._replace(group=name) for picture, name in zip(listed, names, strict=True)]
