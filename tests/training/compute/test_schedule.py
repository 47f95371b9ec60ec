from pathlib import Path

import numpy as np
import pytest

from stages.common.errors import InputError
from stages.model.recipe import Recipe, Schedule
from stages.training.compute import schedule
from stages.training.compute.schedule import learning_rates
from tests import tiny

PEAK, EPOCHS, STEPS = 0.8, 4, 2  # eight steps


def rates(**settings: object) -> list[float]:
    return learning_rates(Schedule(**settings), PEAK, EPOCHS, STEPS).tolist()


def test_without_a_schedule_the_rate_stays():
    assert learning_rates(None, PEAK, EPOCHS, STEPS).tolist() == pytest.approx([PEAK] * 8)


def test_cosine_falls_from_the_peak_to_almost_zero():
    # 0.8 (1 + cos(πt/8)) / 2
    expected = [0.8, 0.769552, 0.682843, 0.553073, 0.4, 0.246927, 0.117157, 0.030448]

    assert rates(name="cosine") == pytest.approx(expected, abs=1e-6)


def test_cosine_begins_after_the_warm_up():
    # 0.8/4 more in each of four steps, then 0.8 (1 + cos(πt/4)) / 2
    assert rates(name="cosine", warmup_epochs=2) == pytest.approx(
        [0.2, 0.4, 0.6, 0.8, 0.8, 0.682843, 0.4, 0.117157], abs=1e-6
    )


def test_one_cycle_rises_from_a_25th_and_falls_to_a_ten_thousandth():
    # up: 0.8 (1/25 + 24/25 · t/4); down: 0.8 (0.0001 + 0.9999 (1 + cos(πt/4)) / 2)
    expected = [0.224, 0.416, 0.608, 0.8, 0.8, 0.682855, 0.40004, 0.117225]

    assert rates(name="one-cycle", warmup_epochs=2) == pytest.approx(expected, abs=1e-6)


def test_one_cycle_rises_for_three_tenths_of_the_epochs_unless_told_otherwise():
    # of eight steps two, each 0.8 · 24/50 more; down: 0.8 (0.0001 + 0.9999 (1 + cos(πt/6)) / 2)
    expected = [0.416, 0.8, 0.8, 0.746416, 0.60002, 0.40004, 0.20006, 0.053664]

    assert rates(name="one-cycle") == pytest.approx(expected, abs=1e-6)
    assert rates(name="one-cycle", warmup_epochs=0)[0] == pytest.approx(PEAK)
    thousand = learning_rates(Schedule(name="one-cycle"), PEAK, 100, 10)
    assert (np.diff(thousand[:300]) > 0).all()
    assert (np.diff(thousand[300:]) < 0).all()


def test_steps_fall_by_the_factor():
    assert rates(name="step", every_epochs=1, factor=0.5) == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1])
    assert rates(name="step", every_epochs=3, factor=0.1) == pytest.approx([0.8] * 6 + [0.08] * 2)


def test_steps_count_the_warm_up_too():
    warm = rates(name="step", every_epochs=2, factor=0.5, warmup_epochs=0.5)

    assert warm == pytest.approx([0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4])
    slow = rates(name="step", every_epochs=2, factor=0.5, warmup_epochs=1.5)
    assert slow == pytest.approx([0.8 / 3, 1.6 / 3, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4])


@pytest.mark.parametrize("warmup_epochs", [0, 0.1, 0.5, 1, 2.5, 4, 5, 1000])
@pytest.mark.parametrize(
    "settings",
    [{"name": "cosine"}, {"name": "one-cycle"}, {"name": "step", "every_epochs": 1, "factor": 0.001}],
    ids=lambda settings: settings["name"],
)
def test_each_step_has_a_rate_between_zero_and_the_peak(settings: dict[str, object], warmup_epochs: float):
    found = learning_rates(Schedule(**settings, warmup_epochs=warmup_epochs), PEAK, EPOCHS, 7)

    assert (found.shape, found.dtype) == ((EPOCHS * 7,), np.float32)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert found.max() == pytest.approx(PEAK)


def test_a_single_step_has_the_peak():
    for name in ("cosine", "one-cycle"):
        assert learning_rates(Schedule(name=name), PEAK, 1, 1).tolist() == pytest.approx([PEAK])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("schedule: {name: cosine, every_epochs: 2}", "every_epochs and factor with the schedule step, and with no"),
        ("schedule: {name: one-cycle, factor: 0.5}", "every_epochs and factor with the schedule step, and with no"),
        (
            "schedule: {name: step, every_epochs: 2}",
            "every_epochs and factor with the schedule step, and with no other",
        ),
        ("schedule: {name: step, factor: 0.5}", "every_epochs and factor with the schedule step, and with no other"),
        ("schedule: {name: step, every_epochs: 2, factor: 1}", "training.schedule.factor: expected less than 1"),
        ("schedule: {name: step, every_epochs: 2, factor: 0}", "training.schedule.factor: expected greater than 0"),
        ("schedule: {name: step, every_epochs: 0, factor: 0.5}", "training.schedule.every_epochs: expected greater"),
        ("schedule: {name: cosine, warmup_epochs: -1}", "training.schedule.warmup_epochs: expected greater than or"),
        ("schedule: {name: cosine, warmup_epochs: .inf}", "training.schedule.warmup_epochs: expected"),
        ("schedule: {name: cosine, warmup_epochs: .nan}", "training.schedule.warmup_epochs: expected"),
        (
            "schedule: {name: cosine, warmup_epochs: 2.5}",
            "schedule.warmup_epochs: no more than epochs, 2, ",
        ),
        (
            "schedule: {name: one-cycle, warmup_epochs: 50}",
            "schedule.warmup_epochs: no more than epochs, 2, ",
        ),
        (
            "schedule: {name: cosine, warmup_epochs: true}",
            "schedule.warmup_epochs: expected a number, received",
        ),
        (
            "schedule: {name: cosine, warmup_epochs: '1'}",
            "schedule.warmup_epochs: expected a number, received",
        ),
        (
            "schedule: no",
            "training.schedule: expected the keys name, warmup_epochs",
        ),
        ("schedule: {name: linear}", "training.schedule.name: expected 'cosine', 'one-cycle' or 'step'"),
        ("schedule: {name: cosine, warmup: 1}", "training.schedule: expected only the keys name, warmup_epochs"),
        ("schedule: cosine", "training.schedule: expected"),
        (
            "keep: best",
            "folder or a number of held-out images, for keep: best and patience, received 'none'",
        ),
        (
            "patience: 3",
            "folder or a number of held-out images, for keep: best and patience, received 'none'",
        ),
        ("validation: test, keep: best", "for keep: best and patience, received 'test'"),
        ("validation: test, patience: 3", "for keep: best and patience, received 'test'"),
        ("keep: first", "training.keep: expected 'last' or 'best'"),
        ("validation: 20, patience: 0", "training.patience: expected greater than or equal to 1"),
        ("label_smoothing: 1", "training.label_smoothing: expected less than 1"),
        ("label_smoothing: -0.1", "training.label_smoothing: expected greater than or equal to 0"),
        ("label_smoothing: 1/0", "training.label_smoothing: expected a fraction with a denominator other than zero"),
        ("label_smoothing: .nan", "training.label_smoothing: expected"),
        ("label_smoothing: '0.1'", "training.label_smoothing: expected a number, received '0.1'"),
        ("label_smoothing: false", "training.label_smoothing: expected a number, received false"),
        ("ema_decay: 0", "training.ema_decay: expected greater than 0, received 0"),
        ("ema_decay: 1", "training.ema_decay: expected less than 1, received 1"),
        ("ema_decay: -1", "training.ema_decay: expected greater than 0, received -1"),
        ("precision: float16", "training.precision: expected 'float32' or 'bfloat16'"),
    ],
)
def test_contradictory_settings_are_refused(settings: str, expected: str):
    validation = "" if "validation" in settings else "validation: none, "
    text = tiny.RECIPE.replace("validation: none", f"{validation}{settings}")
    with pytest.raises(InputError) as caught:
        Recipe.parse(text, Path("recipes/mlp.yaml"))

    assert str(caught.value).startswith("recipes/mlp.yaml: training")
    assert expected in str(caught.value)


def test_many_steps_are_computed_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch):
    one_cycle = Schedule(name="one-cycle")
    whole = learning_rates(one_cycle, 0.1, epochs=3, steps_per_epoch=7)
    monkeypatch.setattr(schedule, "STEPS_AT_ONCE", 4)

    assert learning_rates(one_cycle, 0.1, epochs=3, steps_per_epoch=7) == pytest.approx(whole)


@pytest.mark.parametrize(
    "settings",
    [
        "schedule: null",
        "schedule: {name: cosine, warmup_epochs: 0.5}",
        "schedule: {name: one-cycle, warmup_epochs: 1}",
        "schedule: {name: one-cycle, warmup_epochs: 2}",
        "schedule: {name: step, every_epochs: 1, factor: 0.1}",
    ],
)
def test_settings_that_fit_are_accepted(settings: str):
    text = tiny.RECIPE.replace("validation: none", f"validation: 20, keep: best, patience: 2, {settings}")

    assert Recipe.parse(text, Path("recipes/mlp.yaml")).training.keep == "best"


def test_fractions_may_stand_as_they_are():
    settings = "label_smoothing: 1/10, ema_decay: 99/100, schedule: {name: step, every_epochs: 1, factor: 1/10}"
    text = tiny.RECIPE.replace("validation: none", f"validation: none, {settings}")
    training = Recipe.parse(text, Path("recipes/mlp.yaml")).training

    assert (training.label_smoothing, training.ema_decay, training.schedule.factor) == (0.1, 0.99, 0.1)


def test_a_warm_up_may_be_a_fraction():
    text = tiny.RECIPE.replace("validation: none", "validation: none, schedule: {name: cosine, warmup_epochs: 1/2}")

    assert Recipe.parse(text, Path("recipes/mlp.yaml")).training.schedule.warmup_epochs == 0.5
