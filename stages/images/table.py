"""A CSV of pictures: their paths, their classes and, if it says so, their split."""

import csv
import posixpath
from pathlib import Path

from stages.errors import InputError
from stages.images.arrays import SPLITS
from stages.images.catalog import Csv
from stages.images.picture_files import Listed
from stages.images.problems import stop_if_any


def list_pictures(source: Path, table: Csv) -> list[Listed]:
    """Return the pictures of a table, sorted by their paths.

    Args:
        source: The folder that holds table and pictures.
        table: The names of the table and its columns.

    Raises:
        InputError: The table is missing or not a CSV, lacks a column, or rows of it are wrong.
    """
    path = source / table.file
    listed: dict[str, Listed] = {}
    problems: list[InputError] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # with or without the mark that Excel begins with
            reader = csv.DictReader(file, strict=True)
            columns = _columns(path, list(reader.fieldnames or []), table)
            for row in reader:
                where = f"{path}:{reader.line_num}"
                cells = {kind: (row[column] or "").strip() for kind, column in columns.items()}
                picture = posixpath.normpath(cells["path"])
                wrong = _misfit(source, picture, cells, picture in listed)
                if wrong:
                    problems.append(InputError(where, *wrong, "mend the line"))
                else:
                    listed[picture] = Listed(picture, cells["label"], cells.get("split"))
    except (FileNotFoundError, NotADirectoryError) as error:
        next_step = "mend `csv` in the dataset's file, or its `source` in params.yaml"
        raise InputError(path, "a table of pictures", "none", next_step) from error
    except UnicodeDecodeError as error:
        raise InputError(path, "UTF-8 text", f"byte {error.object[error.start]:#x}", "save it as UTF-8") from error
    except csv.Error as error:
        raise InputError(path, "a table with commas between its cells", str(error), "mend that line") from error
    stop_if_any(problems, source)
    return sorted(listed.values())


def _columns(path: Path, there: list[str], table: Csv) -> dict[str, str]:
    """Return what the columns that are read are called, by what they hold."""
    columns = {"path": table.path, "label": table.label, "split": table.split}
    if "split" not in table.model_fields_set and table.split not in there:
        del columns["split"]
    missing = [column for column in columns.values() if column not in there]
    if missing:
        received = ", ".join(there) or "an empty file"
        raise InputError(path, f"the columns {', '.join(columns.values())}", received, "name the table's under `csv`")
    return columns


def _misfit(source: Path, picture: str, cells: dict[str, str], is_known: bool) -> tuple[str, str] | None:
    """Return what was expected in a row, and what was received, if something is wrong with it."""
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
