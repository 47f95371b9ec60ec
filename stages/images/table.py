"""CSV table of pictures: paths, classes and, optionally, splits."""

import csv
import posixpath
from pathlib import Path

from stages.common.errors import InputError
from stages.images.arrays import SPLITS
from stages.images.catalog import Csv
from stages.images.labelled_pictures import LabelledPicture
from stages.images.problems import raise_if_any


def list_pictures(source: Path, table: Csv) -> list[LabelledPicture]:
    """Return the pictures of a table, sorted by their paths.

    Args:
        source: Folder of the table and its pictures.
        table: Names of the table and its columns.

    Raises:
        InputError: The table is missing, is not CSV, or lacks a column; or some of its rows are wrong.
    """
    path = source / table.file
    listed: dict[str, LabelledPicture] = {}
    problems: list[InputError] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # Excel writes a byte order mark
            reader = csv.DictReader(file, strict=True)
            columns = _columns(path, list(reader.fieldnames or []), table)
            for row in reader:
                where = f"{path}:{reader.line_num}"
                cells = {kind: (row[column] or "").strip() for kind, column in columns.items()}
                picture = posixpath.normpath(cells["path"])
                misfit = _misfit(source, picture, cells, picture in listed)
                if misfit:
                    problems.append(InputError(where, *misfit, "mend the line"))
                else:
                    listed[picture] = LabelledPicture(picture, cells["label"], cells.get("split"))
    except (FileNotFoundError, NotADirectoryError) as error:
        next_step = "mend `csv` in the dataset's file, or its `source` in params.yaml"
        raise InputError(path, "a table of pictures", "none", next_step) from error
    except UnicodeDecodeError as error:
        raise InputError(path, "UTF-8 text", f"byte {error.object[error.start]:#x}", "save it as UTF-8") from error
    except csv.Error as error:
        raise InputError(path, "a table with commas between its cells", str(error), "mend that line") from error
    raise_if_any(problems, source)
    return sorted(listed.values())


def _columns(path: Path, present: list[str], table: Csv) -> dict[str, str]:
    """Return the names of the columns to read, by their content: path, label and, if there is one, split."""
    columns = {"path": table.path, "label": table.label, "split": table.split}
    if "split" not in table.model_fields_set and table.split not in present:
        del columns["split"]
    missing = [column for column in columns.values() if column not in present]
    if missing:
        received = ", ".join(present) or "an empty file"
        raise InputError(path, f"the columns {', '.join(columns.values())}", received, "name the table's under `csv`")
    return columns


def _misfit(source: Path, picture: str, cells: dict[str, str], is_known: bool) -> tuple[str, str] | None:
    """Return the expected and the received value of a wrong row, or None."""
    if not cells["path"] or not cells["label"]:
        return "a path and a label", f"{cells['path']!r} and {cells['label']!r}"
    if posixpath.isabs(picture) or picture.split("/")[0] == "..":
        return f"a path inside {source}", cells["path"]
    if not (source / picture).is_file():
        return f"the path of a picture in {source}", f"{cells['path']}, which is not there"
    if is_known:
        return "each picture once", f"{cells['path']} a second time"
    if cells.get("split", "train") not in SPLITS:
        return "the split train or test", repr(cells["split"])
    return None
