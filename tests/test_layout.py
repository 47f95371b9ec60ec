"""The layout of the code: what may import what, how large a function may be, and where each module is tested."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from stages.common.fingerprints import imports
from tests.pipeline import ROOT

COMMANDS = "commands"  # the modules that lie loose in stages/
# folders of stages/, each with those it imports; a module may import any other of its own folder
MAY_IMPORT = {
    "common": set(),
    "images": {"common"},
    "model": {"common"},
    "evaluation": {"common", "images", "model"},
    "experiments": {"common", "evaluation", "model"},
    "training": {"common", "images", "model"},
    "plots": {"common", "evaluation", "images", "model"},
    "prediction": {"common", "evaluation", "images", "model", "plots"},
    "reporting": {"common", "evaluation", "images"},
}
MAY_IMPORT_KERAS = {"common", "model", "training"}  # of the folders
COVERED_BY = {  # modules without a test module of their own
    "stages/compare.py": "tests/test_experiments.py",
    "stages/evaluation/card_template.py": "tests/evaluation/test_card.py",
    "stages/images/folders/class_folders.py": "tests/images/folders/test_folder.py",
    "stages/images/tables/column_words.py": "tests/images/tables/test_table.py",
    "stages/images/tables/columns.py": "tests/images/tables/test_table.py",
    "stages/images/tables/csv_dialect.py": "tests/images/tables/test_table.py",
    "stages/images/tables/csv_files.py": "tests/images/tables/test_table.py",
    "stages/images/tables/row_cells.py": "tests/images/tables/test_table.py",
    "stages/images/folders/folder_tree.py": "tests/images/folders/test_folder.py",
    "stages/images/placement/border.py": "tests/images/placement/test_foreground.py",
    "stages/images/placement/segmentation.py": "tests/images/placement/test_foreground.py",
    "stages/images/placement/strokes.py": "tests/images/placement/test_foreground.py",
    "stages/images/splits/components.py": "tests/images/splits/test_splitting.py",
    "stages/images/splits/grouped.py": "tests/images/splits/test_splitting.py",
    "stages/images/splits/groups.py": "tests/images/splits/test_splitting.py",
    "stages/images/path_patterns.py": "tests/images/splits/test_splitting.py",
    "stages/images/splits/perceptual_hash.py": "tests/images/splits/test_duplicates.py",
    "stages/images/splits/subsets.py": "tests/images/splits/test_splitting.py",
    "stages/images/tables/picture_paths.py": "tests/images/tables/test_table.py",
    "stages/images/tables/pixel_columns.py": "tests/images/tables/test_pixel_table.py",
    "stages/images/tables/split_column.py": "tests/images/tables/test_table.py",
    "stages/images/tables/pixel_values.py": "tests/images/tables/test_pixel_table.py",
    "stages/images/preprocessing.py": "tests/test_preprocess.py",
    "stages/images/folders/split_folders.py": "tests/images/folders/test_folder.py",
    "stages/plots/calibration.py": "tests/plots/test_plots.py",
    "stages/plots/classes.py": "tests/plots/test_plots.py",
    "stages/plots/confusion.py": "tests/plots/test_plots.py",
    "stages/plots/curves.py": "tests/plots/test_plots.py",
    "stages/plots/mistakes.py": "tests/plots/test_plots.py",
    "stages/plots/predictions.py": "tests/plots/test_plots.py",
    "stages/plots/samples.py": "tests/plots/test_plots.py",
    "stages/plots/style.py": "tests/plots/test_plots.py",
    "stages/plots/tiles.py": "tests/plots/test_plots.py",
    "stages/reporting/page.py": "tests/test_report.py",
    "stages/reporting/runs.py": "tests/test_report.py",
}
MAX_PARAMETERS, MAX_LINES = 6, 45

PATHS = sorted(path for path in ROOT.glob("stages/**/*.py") if path.name != "__init__.py")
# full names of what each module imports, by the module's own name
IMPORTS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): imports(path.read_text(encoding="utf-8"), str(path))
    for path in PATHS
}


def folder_of(module: str) -> str:
    """Return the folder of a module, such as training of stages.training.compute.ema."""
    _, *folders, _ = module.split(".")
    return folders[0] if folders else COMMANDS


def modules_read(module: str) -> set[str]:
    """Return the modules of stages/ that a module imports."""
    return IMPORTS[module] & IMPORTS.keys()


def test_every_folder_is_in_the_table():
    assert {folder_of(module) for module in IMPORTS} == {*MAY_IMPORT, COMMANDS}


def test_only_train_imports_the_training():
    """Beside it the benchmarks, which time its parts."""
    others = {module: names for module, names in IMPORTS.items() if folder_of(module) != "training"}
    readers = {
        module for module, names in others.items() if any(f"{name}.".startswith("stages.training.") for name in names)
    }

    assert readers == {"stages.train"}


def test_no_folder_imports_a_command():
    commands = {module for module in IMPORTS if folder_of(module) == COMMANDS}
    read = {module: modules_read(module) & commands for module in IMPORTS.keys() - commands}

    assert {module: names for module, names in read.items() if names} == {}


def test_imports_have_no_circle():
    try:
        TopologicalSorter({module: modules_read(module) for module in IMPORTS}).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_what_the_table_says(folder: str):
    inside = [module for module in IMPORTS if folder_of(module) == folder]
    read = {folder_of(name) for module in inside for name in modules_read(module)} - {folder}

    assert read == MAY_IMPORT[folder]


def test_the_table_has_an_order():
    """A folder that imports another is not imported by it, not even by way of a third."""
    assert next(TopologicalSorter(MAY_IMPORT).static_order()) == "common"


def test_few_folders_know_keras():
    packages = {"keras", "tensorflow", "ai_edge_litert"}
    readers = {
        folder_of(module) for module, names in IMPORTS.items() if packages & {name.split(".")[0] for name in names}
    }

    assert readers - {COMMANDS} == MAY_IMPORT_KERAS


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_has_its_tests(path: Path):
    name = path.relative_to(ROOT).as_posix()
    mirror = ROOT / "tests" / path.relative_to(ROOT / "stages").with_name(f"test_{path.name}")

    assert mirror.is_file() != (name in COVERED_BY), "a test module of the same name, or a line in COVERED_BY"
    if name in COVERED_BY:
        assert (ROOT / COVERED_BY[name]).is_file()


def test_the_table_of_tests_names_modules_that_exist():
    assert [name for name in COVERED_BY if not (ROOT / name).is_file()] == []


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the functions and methods of a module; a command of Typer has a parameter for each option."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node for node in found if "app.command()" not in map(ast.unparse, node.decorator_list)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_function_takes_more_than_six_parameters(path: Path):
    for function in functions(path):
        given = function.args
        parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        names = [each.arg for each in parameters if each and each.arg not in ("self", "cls")]

        assert len(names) <= MAX_PARAMETERS, (function.name, names)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_function_is_longer_than_a_page(path: Path):
    """Its docstring aside."""
    for function in functions(path):
        first = function.body[0]
        docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) else 0

        assert function.end_lineno - function.lineno + 1 - docstring <= MAX_LINES, function.name
