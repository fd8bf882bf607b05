"""Alternatives: each moves as the data say, and a likely one forbids "supported"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from simulated import INDEPENDENT, Model, lineages, outputs, pack_of, prompts, world

from fingerprint import channels
from fingerprint.alternatives import alternatives, settled
from fingerprint.assessment import assess
from fingerprint.calibration import shipped
from fingerprint.evidence import Evidence
from fingerprint.panel import align
from fingerprint.records import Alternative, Outputs, Status, VerdictLabel
from fingerprint.verdict import Line, judge

CALIBRATION = shipped()
NAMES = [
    "same base",
    "same weights or wrapper",
    "sibling or third teacher",
    "common public data derived from the teacher",
    "reverse direction",
    "web contamination",
    "length or era confound",
]


class Setting:
    """A panel with the independents as background."""

    def __init__(
        self,
        models: Mapping[str, Model],
        given: Mapping[str, Outputs] | None = None,
        samples: int = 1,
    ):
        suite = prompts(50)
        everyone = {n: outputs(model, suite, samples) for n, model in models.items()}
        everyone |= dict(given or {})
        self.panel = align([pack_of(o) for o in everyone.values()])
        self.place = {name: i for i, name in enumerate(everyone)}
        self.evidence = Evidence(
            self.panel,
            channels.measure_all(self.panel),
            [self.place[n] for n in INDEPENDENT],
            CALIBRATION.lengths,
            CALIBRATION.spreads,
            np.random.default_rng(0),
            draws=20,
        )

    def found(
        self, suspect: str, teacher: str, rivals: Sequence[str] = ()
    ) -> dict[str, Alternative]:
        one = self.place[suspect]
        other = {n: assess(self.evidence, one, [self.place[n]], CALIBRATION) for n in rivals}
        main = assess(self.evidence, one, [self.place[teacher]], CALIBRATION)
        return {a.name: a for a in alternatives(self.evidence, main, other)}

    def verdict(self, suspect: str, teacher: str, rivals: Sequence[str] = ()):
        def line(name: str) -> Line:
            return Line(self.panel.infos[self.place[name]].name, (self.place[name],))

        return judge(
            self.evidence,
            line(suspect),
            line(teacher),
            [line(n) for n in rivals],
            CALIBRATION,
            inputs=(),
            problems=(),
            seed=1,
        )


@pytest.fixture(scope="module")
def plain() -> Setting:
    return Setting(world(1))


def test_every_alternative_is_listed_with_a_reason(plain: Setting) -> None:
    found = plain.found("student", "teacher", ["stranger"])
    assert list(found) == NAMES
    assert all(a.why for a in found.values())
    assert found["sibling or third teacher"].status is Status.UNLIKELY
    assert found["same weights or wrapper"].status is Status.UNLIKELY
    assert found["length or era confound"].status is Status.UNLIKELY
    # text cannot close these
    for name in ("common public data derived from the teacher", "web contamination"):
        assert found[name].status is Status.OPEN
    assert settled(list(found.values()))


def test_a_clear_student_is_supported(plain: Setting) -> None:
    verdict = plain.verdict("student", "teacher", ["stranger"])
    assert verdict.verdict is VerdictLabel.SUPPORTED
    assert verdict.ranking[0].teacher == verdict.teacher.name
    assert "proven" not in verdict.answer and "consistent with" in verdict.answer


def test_a_wrapper_is_no_student() -> None:
    """The teacher's own texts under another name, with a word changed here and there."""
    models = world(1)
    texts = outputs(models["teacher"], prompts(50))
    rng = np.random.default_rng(0)
    nearly = tuple(
        replace(
            r,
            text=" ".join(
                "badu" if rng.random() < 0.02 and "\n" not in w else w for w in r.text.split(" ")
            ),
        )
        for r in texts.responses
    )
    run = Setting(models, {"wrapper": Outputs("sim-wrapper", nearly)})
    alternative = run.found("wrapper", "teacher")["same weights or wrapper"]
    assert alternative.status is Status.LIKELY
    verdict = run.verdict("wrapper", "teacher")
    assert verdict.llr10 > 0
    assert verdict.verdict is VerdictLabel.INCONCLUSIVE


def test_phrases_are_read_against_the_teachers_own_samples() -> None:
    """The teacher itself behind another name varies as it does; a student stays below."""
    models = world(1)
    models["wrapper"] = Model("sim-wrapper", models["teacher"].habits)
    run = Setting(models, samples=2)
    name = "same weights or wrapper"
    found = run.found("wrapper", "teacher")[name]
    assert found.status is Status.LIKELY and "agreement with itself" in found.why
    assert run.verdict("wrapper", "teacher").verdict is VerdictLabel.INCONCLUSIVE
    assert run.found("student", "teacher")[name].status is Status.UNLIKELY


@pytest.mark.parametrize("vendor", ["sim-other-corp", None])
def test_a_rival_as_close_takes_the_support_away(vendor: str | None) -> None:
    """A sibling of the teacher from elsewhere: who taught the student cannot be said."""
    models = world(1)
    models["teacher"] = replace(models["teacher"], vendor="sim-corp")
    models["rival"] = Model("sim-rival", models["teacher"].habits, vendor=vendor)
    run = Setting(models)
    alternative = run.found("student", "teacher", ["rival"])["sibling or third teacher"]
    assert alternative.status is Status.LIKELY
    assert "rival" in alternative.why and alternative.llr10 is not None
    verdict = run.verdict("student", "teacher", ["rival"])
    assert verdict.verdict is VerdictLabel.INCONCLUSIVE
    assert {r.teacher for r in verdict.ranking} == {"sim-maple", "sim-rival"}


def test_a_closer_sibling_student_is_named() -> None:
    models = world(1)
    habits = models["teacher"].habits
    models["sibling"] = Model("sim-sibling", models["student"].habits, habits, 1.0)
    run = Setting(models)
    alternative = run.found("student", "teacher", ["stranger"])["sibling or third teacher"]
    if "sim-sibling" in alternative.why:  # closer than the teacher itself
        assert alternative.status is Status.OPEN
    else:
        assert alternative.status is Status.UNLIKELY


def test_the_ranking_keeps_the_rule_of_the_answer() -> None:
    """Two teachers fit alike: neither is "supported", whichever was asked about."""
    models = world(1)
    models["rival"] = Model("sim-rival", models["teacher"].habits)
    verdict = Setting(models).verdict("student", "teacher", ["rival", "stranger"])
    rows = {r.teacher: r for r in verdict.ranking}
    assert rows["sim-rival"].llr10 > 0.6 and rows["sim-maple"].llr10 > 0.6
    assert {r.verdict for r in rows.values()} == {"inconclusive", "not_supported"}


def test_families_with_other_prompts_are_scored_on_lineages_that_have_them() -> None:
    models = world(1)
    suite = prompts(120)
    habits = models["teacher"].habits
    answered = {
        "teacher": outputs(replace(models["teacher"], name="claude-2"), suite[:80]),
        "newer": outputs(Model("claude-3-opus-20240229", habits), suite[60:]),
        "student": outputs(models["student"], suite),
        **{name: outputs(models[name], suite[:60]) for name in INDEPENDENT},
        **{
            name: outputs(Model(f"sim-{name}", drawn), suite)
            for name, drawn in lineages(2, "abc").items()
        },
    }
    panel = align([pack_of(given) for given in answered.values()])
    place = {name: i for i, name in enumerate(answered)}
    evidence = Evidence(
        panel,
        channels.measure_all(panel),
        [place[n] for n in (*INDEPENDENT, *"abc")],
        CALIBRATION.lengths,
        CALIBRATION.spreads,
        np.random.default_rng(0),
        draws=20,
    )
    main = assess(evidence, place["student"], [place["teacher"]], CALIBRATION)
    assert len(main.groups) == 9  # six of them have no prompt of the newer version
    why = next(a.why for a in alternatives(evidence, main, {}) if a.name.startswith("common"))
    assert "2 families" in why and "nan" not in why


@pytest.mark.parametrize(
    ("suspect", "teacher", "status"),
    [
        ("2024-05", "2023-01", Status.UNLIKELY),
        ("2024-05", "2024-05", Status.OPEN),
        ("2024-05", "2024-06", Status.OPEN),
        (None, "2024-06", Status.OPEN),
        ("2024-05", None, Status.OPEN),
    ],
)
def test_direction_is_read_from_dates(
    plain: Setting, suspect: str | None, teacher: str | None, status: Status
) -> None:
    dates = {"student": suspect, "teacher": teacher}
    packs = list(plain.panel.packs)
    for name, date in dates.items():
        at = plain.place[name]
        packs[at] = replace(packs[at], info=replace(packs[at].info, released=date))
    kept = plain.evidence.panel
    plain.evidence.panel = replace(plain.panel, packs=tuple(packs))
    try:
        alternative = plain.found("student", "teacher")["reverse direction"]
    finally:
        plain.evidence.panel = kept
    assert alternative.status is status


def test_lengths_beyond_the_background_stay_open() -> None:
    models = world(1)
    texts = outputs(models["student"], prompts(50))
    longer = tuple(
        replace(r, text=f"{r.text}\n{r.text}\n{r.text}\n{r.text}") for r in texts.responses
    )
    run = Setting(models, {"chatty": Outputs("sim-chatty", longer)})
    alternative = run.found("chatty", "teacher")["length or era confound"]
    assert alternative.status is Status.OPEN
    assert "outside" in alternative.why


def matched(run: Setting, suspect: str, teacher: str, left: float | None) -> Alternative:
    """The length alternative with a stated part of the difference left against matched lineages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fingerprint.alternatives._against_nearest", lambda *_: left)
        return run.found(suspect, teacher)["length or era confound"]


def test_a_difference_that_lineages_of_the_same_length_explain_is_likely(plain: Setting) -> None:
    assert matched(plain, "student", "teacher", 0.59).status is Status.LIKELY
    assert matched(plain, "student", "teacher", 0.61).status is Status.UNLIKELY
    assert "61 % of the difference stay" in matched(plain, "student", "teacher", 0.61).why


def test_a_student_keeps_its_difference_against_lineages_of_its_length(plain: Setting) -> None:
    why = plain.found("student", "teacher")["length or era confound"].why
    part = int(why.split("in length ")[1].split(" %")[0])
    assert 80 <= part <= 120  # the background of the simulation differs by chance alone


def test_a_background_of_another_era_forbids_support(plain: Setting) -> None:
    kept = plain.panel
    packs = [
        replace(
            p, info=replace(p.info, released="2026-01" if m == plain.place["student"] else "2023")
        )
        for m, p in enumerate(kept.packs)
    ]
    plain.evidence.panel = replace(kept, packs=tuple(packs))
    try:
        found = plain.found("student", "teacher")["length or era confound"]
    finally:
        plain.evidence.panel = kept
    assert found.status is Status.LIKELY
    assert "2.5 years off" in found.why


def test_settled_means_that_none_is_likely() -> None:
    one = Alternative("a", Status.OPEN, None, "why")
    assert settled([one, replace(one, status=Status.UNLIKELY)])
    assert not settled([one, replace(one, status=Status.LIKELY)])
