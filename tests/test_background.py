"""Background: whose versions stay, by era and by coverage."""

from __future__ import annotations

import numpy as np
import pytest

from fingerprint.background import ERA, contemporaries, unrelated, year_of
from fingerprint.panel import Panel
from fingerprint.records import ModelInfo


def model(name: str, released: str | None, lineage: str | None = None) -> ModelInfo:
    return ModelInfo(name, lineage or name, released=released)


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("2024", 2024.5),
        ("2024-01", 2024 + 0.5 / 12),
        ("2024-12-31", 2024 + 11.5 / 12),
        ("soon", None),
        (None, None),
    ],
)
def test_year_of_a_release(date: str | None, year: float | None) -> None:
    assert year_of(model("never-heard-of", date)) == (None if year is None else pytest.approx(year))


def test_the_first_release_of_a_known_family_stands_in() -> None:
    assert year_of(model("gpt-3.5-turbo", None)) == pytest.approx(2022 + 10.5 / 12)


def test_contemporaries_are_the_nearest_and_those_of_the_same_season() -> None:
    infos = [model("a", "2023-01"), model("b", "2023-10"), model("c", "2023-12"), model("d", None)]
    assert contemporaries(infos, [0, 1, 2, 3], 2024.0) == [1, 2]
    assert contemporaries(infos, [0, 1, 2, 3], 2022.0) == [0]
    assert contemporaries(infos, [0, 3], 2030.0) == [0]
    assert contemporaries(infos, [3], 2030.0) == [3]  # nothing known: nothing left out
    assert 2 / 12 < ERA < 9 / 12


class Asked(Panel):
    """A panel of nothing but names and of who answered what."""

    def __init__(self, infos: list[ModelInfo], present: np.ndarray) -> None:
        object.__setattr__(self, "infos", tuple(infos))
        object.__setattr__(self, "present", present)


def test_each_lineage_is_cut_to_the_era_of_the_suspect_or_else_of_the_teacher() -> None:
    infos = [
        model("suspect", "2024-06"),
        model("teacher", "2022-06"),
        model("old", "2022-06", "one"),
        model("new", "2024-05", "one"),
        model("alone", "2020", "two"),
        model("undated", None, "three"),
    ]
    panel = Asked(infos, np.ones((40, 6), dtype=bool))
    every = range(2, 6)
    assert unrelated(panel, every, 0, [1]) == {"one": [3], "three": [5], "two": [4]}
    infos[0] = model("suspect", None)
    panel = Asked(infos, np.ones((40, 6), dtype=bool))
    assert unrelated(panel, every, 0, [1])["one"] == [2]
    infos[1] = model("teacher", None)
    panel = Asked(infos, np.ones((40, 6), dtype=bool))
    assert unrelated(panel, every, 0, [1])["one"] == [2, 3]


def test_a_version_of_the_era_with_few_prompts_does_not_stand_for_its_lineage() -> None:
    infos = [
        model("suspect", "2024-06"),
        model("teacher", "2022-06"),
        model("old", "2022-06", "one"),
        model("new", "2024-05", "one"),
    ]
    present = np.ones((100, 4), dtype=bool)
    present[30:, 3] = False
    assert unrelated(Asked(infos, present), [2, 3], 0, [1]) == {"one": [2]}
