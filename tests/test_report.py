"""The report command, with all of stages/reporting; and its page in a browser."""

import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from dvc.utils.serialize import dump_yaml
from typer.testing import CliRunner

from stages import evaluate, predict, preprocess, report, train
from stages.reporting import freshness
from tests import tiny
from tests.commands import run_all
from tests.pipeline import read_yaml
from tests.processes import PATIENCE

REPORT = Path("report.html")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--log-level=0",
)  # fmt: skip
# Inspects the loaded page and puts the result into its title, which --dump-dom prints.
INSPECTION = """
<script nonce="test">
addEventListener("load", () => {
  const root = document.documentElement;
  document.title = JSON.stringify({
    images: [...document.images].map((image) => [image.alt, image.complete ? image.naturalWidth : 0]),
    runs: [...document.querySelectorAll("tbody th[scope=row]")].map((cell) => cell.innerText),
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    overflow: root.scrollWidth - root.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
  });
});
</script>
"""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two evaluated runs, one that has only its metrics, and one that was never run."""
    project = tiny.write_project(tmp_path_factory.mktemp("evaluated"))
    params = project / "params.yaml"
    line = "  tiny-mlp: {dataset: tiny, recipe: mlp, seed: 0}\n"
    lines = [f"  {name}: {{dataset: tiny, recipe: new, seed: {seed}}}\n" for seed, name in enumerate(("b", "c", "d"))]
    params.write_text(params.read_text().replace(line, line + "".join(lines)))
    shutil.copyfile(project / "recipes/mlp.yaml", project / "recipes/new.yaml")  # without a published accuracy
    run_all(project, (preprocess.app, ["tiny"]))
    for run in ("tiny-mlp", "b"):
        run_all(project, *((command.app, ["--run", run]) for command in (train, evaluate, predict)))
    shutil.copyfile(project / "metrics/b.json", project / "metrics/c.json")
    return project


@pytest.fixture(autouse=True)
def _in_copy(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shutil.copytree(evaluated, tmp_path / "project"))


def write() -> str:
    result = CliRunner().invoke(report.app)
    assert result.exit_code == 0, result.output
    return REPORT.read_text(encoding="utf-8")


def visible_text(html: str) -> str:
    """Return the text of a page without its tags, in one line."""
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = texts.append
    parser.feed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
    return " ".join(" ".join(texts).split())


def leaders(html: str) -> dict[str, list[str]]:
    """Return the cells of the leaderboard by the name of the run in the first one."""
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.DOTALL)[1]
    return {cells[0]: cells[1:] for cells in (visible_text(row).split() for row in body.split("</tr>")[:-1])}


def test_the_leaderboard_has_a_row_for_each_run_with_metrics():
    rows = leaders(write())
    metrics = json.loads(Path("metrics/tiny-mlp.json").read_text())

    assert set(rows) == {"tiny-mlp", "b", "c"}
    accuracy = f"{metrics['accuracy']:.4f}"
    assert rows["tiny-mlp"][:2] == ["Tiny", accuracy]
    averages = [f"{metrics[name]:.4f}" for name in ("balanced_accuracy", "macro_f1")]
    assert rows["tiny-mlp"][3:5] == averages
    assert rows["tiny-mlp"][5:] == ["0.5000", f"{metrics['gain']:+.4f}", str(metrics["errors"]), "12,730"]
    low, high = map(float, rows["tiny-mlp"][2].split("…"))
    assert low <= metrics["accuracy"] <= high < low + 0.3
    assert [rows["c"][column] for column in (2, 5, 6)] == ["–", "–", "–"]


def test_missing_results_are_named_with_the_command_that_makes_them():
    result = CliRunner().invoke(report.app)
    text = visible_text(REPORT.read_text(encoding="utf-8"))

    assert "Not yet evaluated d: dvc repro evaluate@d predict@d" in text
    assert "d has no result yet: dvc repro evaluate@d predict@d" in result.stderr
    assert "Missing: training curves, confusion matrix, most confident mistakes, accuracy of each class" in text
    assert text.count("Missing:") == 1


def write_lock(*runs: str) -> None:
    """Write a dvc.lock that has each run as it is now: recipe mlp on tiny with seed 0."""
    stages = {}
    for run in runs:
        params = {"params.yaml": {f"runs.{run}": {"dataset": "tiny", "recipe": "mlp", "seed": 0}}}
        recipe = {"recipes/mlp.yaml": read_yaml(Path("recipes/mlp.yaml"))}
        model = {f"models/{run}.keras": "a" * 32}
        dataset = {"datasets/tiny.yaml": hashlib.md5(Path("datasets/tiny.yaml").read_bytes()).hexdigest()}
        metrics = {f"metrics/{run}.json": hashlib.md5(Path(f"metrics/{run}.json").read_bytes()).hexdigest()}
        code = {f"data/code/{stage}.txt": freshness._code(stage) for stage in ("train", "evaluate")}
        stages[f"train@{run}"] = {"deps": hashes(code), "params": params | recipe, "outs": hashes(model)}
        stages[f"evaluate@{run}"] = {"deps": hashes(code | model | dataset), "params": params, "outs": hashes(metrics)}
    dump_yaml("dvc.lock", json.loads(json.dumps({"schema": "2.0", "stages": stages})))


def hashes(by_path: dict[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "hash": "md5", "md5": md5} for path, md5 in by_path.items()]


def test_results_of_other_parameters_come_last_and_say_what_made_them():
    params = Path("params.yaml").read_text()
    edited = params.replace("c: {dataset: tiny, recipe: new, seed: 1}", "c: {dataset: tiny, recipe: mlp, seed: 77}")
    Path("params.yaml").write_text(edited)
    metrics = json.loads(Path("metrics/tiny-mlp.json").read_text())
    Path("metrics/c.json").write_text(json.dumps(metrics | {"accuracy": 1.0, "errors": 1}))
    Path("metrics/b.json").write_text(json.dumps(metrics | {"accuracy": 0.5}))
    write_lock("tiny-mlp", "c")

    result = CliRunner().invoke(report.app)
    html = REPORT.read_text(encoding="utf-8")
    text = visible_text(html)

    assert list(leaders(html)) == ["tiny-mlp", "c", "b"]
    assert [cells[0] == "(stale)" for cells in leaders(html).values()] == [False, True, True]
    assert "Stale results come last" in text
    assert "Recipe mlp on Tiny, seed 0: accuracy 1.0000, 1 error. " in text
    assert "Stale. Changed since: seed 0 → 77. dvc repro evaluate@c predict@c brings the result up to date." in text
    assert "Recipe, dataset and seed unknown: accuracy" in text
    assert "Changed since: metrics/b.json is not what dvc.lock records." in text
    assert text.count("Stale. ") == 2
    assert result.stderr.splitlines()[1:3] == [
        "c is stale (seed 0 → 77): dvc repro evaluate@c predict@c",
        "b is stale (metrics/b.json is not what dvc.lock records): dvc repro evaluate@b predict@b",
    ]


def test_results_that_are_up_to_date_are_not_called_stale():
    write_lock("tiny-mlp")
    for run in "bc":
        Path(f"metrics/{run}.json").unlink()

    assert "stale" not in visible_text(write()).lower()


def test_a_dvc_lock_with_the_markers_of_a_merge_is_an_error_of_one_line():
    Path("dvc.lock").write_text("schema: '2.0'\n<<<<<<< HEAD\nstages:\n")
    result = CliRunner().invoke(report.app)
    [line] = result.stderr.splitlines()

    assert (result.exit_code, REPORT.exists()) == (1, False)
    assert line.startswith("error: dvc.lock:2: expected one version, received the markers of a merge conflict; ")


def test_what_a_removed_run_left_is_named_and_stays():
    params = Path("params.yaml").read_text()
    Path("params.yaml").write_text(params.replace("  b: {dataset: tiny, recipe: new, seed: 0}\n", ""))
    result = CliRunner().invoke(report.app)
    [line] = [line for line in result.stderr.splitlines() if line.startswith("b ")]

    assert line.startswith(
        "b is not in params.yaml; this takes away what it left: rm -r metrics/b.json models/b.keras "
    )
    command = line.split(": ")[1].split()
    assert all(Path(path).exists() for path in command[2:])
    subprocess.run(command, check=True)
    assert "not in params.yaml" not in CliRunner().invoke(report.app).stderr
    assert [path for path in Path().rglob("b.*") if "logs" not in path.parts] == []


def test_a_run_has_its_plots_its_network_and_its_recipe():
    html = write()

    assert len(re.findall(r'<img src="data:image/png;base64,', html)) == 2 * 6 + 1
    text = visible_text(html)
    assert "hidden Dense 16 12,560" in text
    assert "optimizer: {name: adam, learning_rate: 0.01}" in text


def test_the_page_needs_nothing_outside_itself():
    references = re.findall(r'(?:src|href|action|data|srcset|poster)="([^"]*)"|url\(([^)]*)\)|@import', write())

    assert {re.match("data:|#|", first or second)[0] for first, second in references} == {"data:", "#"}


def test_names_are_text_not_html():
    for path in (Path("datasets/tiny.yaml"), Path("models/b.md")):
        path.write_text(
            path.read_text().replace("title: Tiny", "title: <b>&Co|*x*").replace("# b", "# b\n\n<i>hm</i>", 1)
        )
    html = write()

    assert "&lt;b&gt;&amp;Co|*x*" in html
    assert "&lt;i&gt;hm&lt;/i&gt;" in html
    assert not re.search("<[bi]>", html)


def test_the_same_results_give_the_same_page():
    assert write() == write()


def test_without_any_result_the_page_says_what_to_do():
    shutil.rmtree("metrics")
    text = visible_text(write())

    assert "No run has a result yet: dvc repro makes them." in text
    assert text.count("dvc repro evaluate@") == 4


RIGHT = '{"accuracy": 1, "errors": 0, "parameters": 9, "published": 1}'


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"accuracy": 1, "errors": 0}',
        RIGHT.replace("0", "null"),
        RIGHT.replace("0", "NaN"),
        RIGHT.replace("0", "-Infinity"),
        RIGHT.replace("0", f"1{'0' * 400}"),
        RIGHT.replace('"published": 1', '"published": "1"'),
        "[" * 100_000,
    ],
)
def test_damaged_metrics_are_an_error_of_one_line(content: str):
    Path("metrics/b.json").write_text(content)
    result = CliRunner().invoke(report.app)
    [line] = result.stderr.splitlines()

    assert (result.exit_code, REPORT.exists()) == (1, False)
    assert line.startswith(
        "error: metrics/b.json: expected JSON with the finite numbers accuracy, errors, parameters, received"
    )


def test_a_damaged_table_is_an_error_of_one_line_and_a_damaged_card_is_shown():
    Path("models/tiny-mlp.md").write_bytes(b"# Card\n\ncaf\xe9\n")
    assert "caf\ufffd" in visible_text(write())
    Path("plots/classes/tiny-mlp.csv").write_text("recall,images\ninf,1\n")
    [line] = CliRunner().invoke(report.app).stderr.splitlines()
    assert line.startswith("error: plots/classes/tiny-mlp.csv: expected a table with the numbers recall and images,")


def test_tables_of_another_version_than_the_metrics_give_no_interval():
    for run, errors in (("b", 60), ("tiny-mlp", 0)):  # more errors than images, and other errors than the table's
        path = Path(f"metrics/{run}.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | {"errors": errors, "accuracy": 0.25}))
    html = write()

    assert [leaders(html)[run][2] for run in ("b", "tiny-mlp")] == ["–", "–"]
    assert visible_text(html).count("Its plots and its metrics are of different versions. dvc repro evaluate@") == 2


@pytest.mark.parametrize("content", ["class,recall\n0,1.0\n", "recall,images\n1.0,many\n", "recall,images\n1.0\n"])
def test_a_damaged_table_is_an_error_of_one_line(content: str):
    Path("plots/classes/b.csv").write_text(content)
    result = CliRunner().invoke(report.app)
    [line] = result.stderr.splitlines()

    assert (result.exit_code, REPORT.exists()) == (1, False)
    assert line.startswith("error: plots/classes/b.csv: expected a table with the numbers recall and images, received")


def test_datasets_with_the_same_title_each_show_their_samples():
    shutil.copyfile("datasets/tiny.yaml", "datasets/again.yaml")
    shutil.copyfile("plots/samples/tiny.png", "plots/samples/again.png")
    params = Path("params.yaml").read_text().replace("datasets:\n", "datasets:\n  again: {source: data/raw/tiny}\n")
    Path("params.yaml").write_text(params.replace("c: {dataset: tiny", "c: {dataset: again"))

    assert visible_text(write()).count("Tiny: training images, one row per class.") == 2


def browse(html: str, *options: str) -> tuple[dict, list[str]]:
    """Open a page in headless Chromium; return the result of INSPECTION, and the lines of its console."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    html = html.replace("default-src 'none';", "default-src 'none'; script-src 'nonce-test';")
    page = Path("browsed.html").resolve()
    page.write_text(html.replace("</head>", f"{INSPECTION}</head>"), encoding="utf-8")
    command = [CHROMIUM, *QUIET, f"--user-data-dir={page.parent}/browser", *options, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    title = re.search("<title>(.*?)</title>", done.stdout)[1].replace("&lt;", "<").replace("&amp;", "&")
    return json.loads(title), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("options", [("--window-size=1280,900",), ("--window-size=500,900",)])
def test_a_browser_shows_every_image_and_reports_nothing(options: tuple[str, ...]):
    seen, console = browse(write(), *options)

    assert console == []
    assert len(seen["images"]) == 2 * 6 + 1
    assert all(alt and width > 100 for alt, width in seen["images"])
    assert sorted(seen["runs"]) == ["b", "c", "tiny-mlp"]
    assert [name for name in seen["requests"] if not name.startswith("data:")] == []
    assert seen["overflow"] == 0  # nothing is wider than the window


def test_a_browser_would_report_an_image_from_the_network():
    html = write().replace("<main>", '<main><img alt="x" src="https://example.org/x.png">')
    seen, console = browse(html)

    assert seen["images"][0] == ["x", 0]
    assert "Content Security Policy" in console[0]


@pytest.mark.parametrize(
    ("option", "background"),
    [
        ("--blink-settings=preferredColorScheme=1", "rgb(246, 247, 249)"),
        ("--blink-settings=preferredColorScheme=0", "rgb(20, 22, 26)"),
    ],
)
def test_the_page_is_dark_for_a_browser_that_prefers_it(option: str, background: str):
    seen, _ = browse(write(), option)

    assert seen["background"] == background
