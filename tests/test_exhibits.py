"""Exhibits: what is shown is what was counted, and nothing of any text where none is wanted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import write_world
from scipy.cluster import hierarchy
from simulated import INDEPENDENT, prompts, world

from fingerprint.assessment import assess
from fingerprint.comparison import examine
from fingerprint.errors import ReportError
from fingerprint.exhibits import passages as passages_module
from fingerprint.exhibits.breakdown import by_language
from fingerprint.exhibits.gather import NO_TEXT, NO_TEXT_HELD, gather
from fingerprint.exhibits.passages import held_texts, passages
from fingerprint.exhibits.prospects import prospects
from fingerprint.exhibits.storage import read, without_text, write
from fingerprint.locations import locate
from fingerprint.models import model_info
from fingerprint.outputs import read_outputs
from fingerprint.packs import build
from fingerprint.packs import write as write_pack
from fingerprint.tokens import Hasher

HASHER = Hasher()


@pytest.fixture(scope="module")
def found(case):
    return assess(
        case.run.evidence, case.suspect.members[0], case.teacher.members, case.run.calibration
    )


@pytest.fixture(scope="module")
def exhibits(case):
    return gather(case)


def test_every_common_prompt_is_there_in_the_order_of_the_answers(case, exhibits):
    (outputs,) = read_outputs(case.question.suspect)
    assert [e.prompt_id for e in exhibits.prompts] == [r.prompt_id for r in outputs.responses]
    texts = {r.prompt_id: r.text for r in outputs.responses}
    assert all(e.suspect.text == texts[e.prompt_id] for e in exhibits.prompts)
    assert {e.domain for e in exhibits.prompts} == {"advice", "explain"}


def test_agreement_above_chance_averages_to_the_scores(case, found, exhibits):
    """Length is not adjusted for, so the raw agreements must give the mean difference."""
    shown = np.mean([e.agreement - e.chance for e in exhibits.prompts])
    lineages = list(found.groups.values())
    expected = []
    for kind in ("line_starts", "sentence_starts"):
        table = case.run.evidence.agreements[kind].per_prompt.copy()
        table[:, np.eye(table.shape[1], dtype=bool)] = 0.0  # one sample: no agreement with itself
        k = table.mean(axis=0)
        s, t = found.suspect, found.teacher
        between = [k[a[0], b[0]] for a in lineages for b in lineages if a is not b]
        expected.append(
            k[s, t]
            - np.mean([k[s, g[0]] for g in lineages])
            - np.mean([k[g[0], t] for g in lineages])
            + np.mean(between)
        )
    assert shown == pytest.approx(np.mean(expected), abs=1e-6)
    assert shown > 0.05  # the student of world 1 is one


def test_marks_stand_on_words_that_both_texts_hold(exhibits):
    marked = 0
    for e in exhibits.prompts:
        both = [
            {kind: set(places.units.tolist()) for kind, places in locate(p.text, HASHER).items()}
            for p in (e.suspect, e.teacher)
        ]
        for passage in (e.suspect, e.teacher, e.background):
            reach = 0
            for mark in passage.marks:
                assert reach <= mark.start < mark.end <= len(passage.text)
                reach = mark.end
                marked += 1
        for unit in e.units:
            alone = locate(unit.text, HASHER)[unit.kind].units.tolist()
            # a line start counts its repeats: alone it is the first of its kind
            if unit.kind != "line_starts":
                assert any(u in both[0][unit.kind] and u in both[1][unit.kind] for u in alone)
            assert unit.text in e.suspect.text
            assert unit.others < unit.lineages
    assert marked > 500


def test_units_are_the_rarest_first_and_rare(exhibits):
    for e in exhibits.prompts:
        weights = [unit.weight for unit in e.units]
        assert weights == sorted(weights, reverse=True)
        assert all(weight > np.log(2) for weight in weights)


def test_the_counts_of_other_lineages_are_true(case, found, exhibits):
    """Checked by search in the raw texts of the background, for phrases."""
    texts = held_texts(case)
    panel = case.run.panel
    by_id = {}
    for (model, _), response in texts.items():
        by_id.setdefault(response.prompt_id, {})[model] = response.text
    own = {panel.infos[found.suspect].name, panel.infos[found.teacher].name}
    checked = 0
    for e in exhibits.prompts[:20]:
        for unit in e.units:
            if unit.kind != "phrases":
                continue
            wanted = locate(unit.text, HASHER)["phrases"].units.tolist()[0]
            givers = [
                model
                for model, text in by_id[e.prompt_id].items()
                if model not in own and wanted in locate(text, HASHER)["phrases"].units
            ]
            assert unit.lineages == len(INDEPENDENT)
            assert unit.others == len(givers)
            checked += 1
    assert checked > 20


def test_no_phrase_is_listed_inside_a_longer_one(exhibits):
    for e in exhibits.prompts:
        phrases = [u.text for u in e.units if u.kind == "phrases"]
        for phrase in phrases:
            inside = [p for p in phrases if phrase != p and phrase in p]
            longer = [p for p in inside if e.suspect.text.count(phrase) == e.suspect.text.count(p)]
            assert not longer


def test_the_background_shown_shares_most(case, exhibits):
    names = {case.run.panel.infos[m].name for m in case.run.evidence.background}
    assert all(e.background.model in names for e in exhibits.prompts)
    assert len({e.background.model for e in exhibits.prompts}) > 1


def test_long_texts_are_cut_and_counted(case, found, monkeypatch):
    monkeypatch.setattr(passages_module, "MOST_CHARACTERS", 50)
    cut = passages(case, found, held_texts(case))
    for e in cut:
        assert len(e.suspect.text) <= 50
        assert e.suspect.left_out > 0


@pytest.fixture(scope="module")
def packed_teacher(files, tmp_path_factory):
    (outputs,) = read_outputs(files["teacher"])
    path = tmp_path_factory.mktemp("packs") / "teacher.pack"
    write_pack(build(outputs, model_info(outputs.model)), path)
    return path


def test_a_teacher_known_by_its_pack_has_no_text_but_its_units_are_marked(files, packed_teacher):
    background = [str(files[name]) for name in INDEPENDENT]
    shown = gather(examine(files["student"], packed_teacher, background=background)).prompts
    assert len(shown) == 60
    assert all(e.teacher.text is None and e.teacher.marks == () for e in shown)
    assert sum(len(e.suspect.marks) for e in shown) > 100
    whole = gather(examine(files["student"], files["teacher"], background=background)).prompts
    starts = [[u for u in e.units if u.kind != "phrases"] for e in shown]
    assert starts == [[u for u in e.units if u.kind != "phrases"] for e in whole]


def test_packs_alone_show_no_text(files, packed_teacher, tmp_path):
    (outputs,) = read_outputs(files["student"])
    suspect = tmp_path / "student.pack"
    write_pack(build(outputs, model_info(outputs.model)), suspect)
    background = [str(files[name]) for name in INDEPENDENT]
    shown = gather(examine(suspect, packed_teacher, background=background))
    assert shown.prompts == ()
    assert shown.text_note == NO_TEXT_HELD


def test_no_text_leaves_no_word_of_any_text(case, exhibits):
    bare = gather(case, text=False)
    assert bare.prompts == ()
    assert bare.text_note == NO_TEXT
    assert bare == without_text(exhibits, NO_TEXT)
    written = write(bare, "ab")
    for response in held_texts(case).values():
        for word in response.text.split():
            if len(word) > 6 and word.isalpha():
                assert word not in written
    assert "Question 1:" not in written


def test_what_is_written_is_read_again(exhibits):
    text = write(exhibits, "ab" * 32)
    again = read(text.encode(), "exhibits.json", "ab" * 32)
    assert write(again, "ab" * 32) == text
    assert again.prompts[0].suspect == exhibits.prompts[0].suspect
    assert text.isascii()


def test_exhibits_of_another_verdict_are_refused(exhibits):
    text = write(exhibits, "ab" * 32)
    with pytest.raises(ReportError, match="another verdict"):
        read(text.encode(), "exhibits.json", "cd" * 32)


def spoil(value, path, new):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("schema",), "x"),
        (("prompts", 0, "suspect", "marks"), [[5, 3, 0]]),
        (("prompts", 0, "suspect", "marks"), [[0, 10**6, 0]]),
        (("prompts", 0, "suspect", "marks"), [[0, 1, 10**6]]),
        (("prompts", 0, "suspect", "marks"), [["a", 1, 0]]),
        (("prompts", 0, "units"), [{"kind": 1}]),
        (("prompts", 0, "weight"), "heavy"),
        (("tree", "merges"), [[0, 0, 1.0, 2]]),
        (("tree", "merges"), [[0, 99, 1.0, 2]]),
        (("tree", "merges"), "x"),
        (("sample_size", "prospects"), [[1, 2]]),
        (("sample_size", "caps"), [["a", None]]),
        (("languages",), [{"language": 1}]),
        (("text_note",), None),
    ],
)
def test_spoiled_exhibits_are_refused(exhibits, path, new):
    value = json.loads(write(exhibits, "ab"))
    spoil(value, path, new)
    with pytest.raises(ReportError):
        read(json.dumps(value).encode(), "exhibits.json", "ab")


def test_the_tree_is_that_of_an_independent_clustering(case, exhibits):
    tree = exhibits.tree
    assert len(tree.names) == 8
    joined = np.array(tree.merges, dtype=float)
    groups = hierarchy.fcluster(joined, t=7, criterion="maxclust")
    by_name = dict(zip(tree.names, groups, strict=True))
    assert by_name["sim-oak"] == by_name["teacher" if "teacher" in by_name else "sim-maple"]
    assert len(set(groups)) == 7


# What more data would change.


def test_more_prompts_and_lineages_never_widen_the_interval(exhibits):
    size = exhibits.sample_size
    width = {(p.prompts, p.lineages): p.high - p.low for p in size.prospects}
    assert len(width) == 9
    for (n, k), value in width.items():
        assert value >= width.get((n * 2, k), 0) - 1e-9
        assert value >= width.get((n, k * 2), 0) - 1e-9
        assert value >= size.floor - 0.35


def test_the_run_itself_stands_as_measured(case, found, exhibits):
    (here,) = [p for p in exhibits.sample_size.prospects if p.measured]
    share = case.verdict.share
    assert (here.low, here.high) == (share.low, share.high)
    assert (here.prompts, here.lineages) == (60, len(found.groups))


def test_caps_are_those_of_the_calibration(case, exhibits):
    for lineages, cap in exhibits.sample_size.caps:
        assert cap == case.run.calibration.cap10(lineages)


def test_the_part_of_prompts_is_found_on_made_up_draws(case, found):
    """With twice the prompts the projected interval must be near that of a run with twice."""
    size = prospects(case, found)
    assert size == prospects(case, found)  # drawn with the run's seed
    assert all(sentence.endswith(".") for sentence in size.advice)
    score = found.scores["line_starts"]
    still = replace(found, scores={"line_starts": replace(score, draws=score.draws * 0)})
    assert prospects(case, still) is not None


def test_projection_agrees_with_a_run_of_twice_the_prompts(tmp_path):
    made = {}
    for n in (60, 120):
        files = write_world(tmp_path / str(n), world(1, dose=0.5), prompts(n))
        background = [str(files[name]) for name in INDEPENDENT]
        made[n] = examine(files["student"], files["teacher"], background=background)
    size = gather(made[60], text=False).sample_size
    (twice,) = [p for p in size.prospects if (p.prompts, p.lineages) == (120, 6)]
    share = made[120].verdict.share
    assert twice.high - twice.low == pytest.approx(share.high - share.low, abs=0.12)


def test_few_prompts_and_lineages_are_named_first(files, tmp_path):
    small = write_world(tmp_path, world(1), prompts(30))
    background = [str(small[name]) for name in INDEPENDENT[:4]]
    shown = gather(examine(small["student"], small["teacher"], background=background), text=False)
    advice = shown.sample_size.advice
    assert "30 are common, 50 are the least" in advice[0]
    assert "4 are here, 5 are the least" in advice[1]
    assert any("lift the cap" in said for said in advice)


def test_shares_by_language_split_the_prompts(case, found, exhibits):
    """Made-up words are taken for two languages here; every prompt counts in one."""
    assert sum(item.n_prompts for item in exhibits.languages) == 60
    assert [item.domain for item in exhibits.languages] == ["en", "other"]
    assert exhibits.languages[0].share is not None
    assert exhibits.languages[1].share is None  # 19 prompts are too few


def test_one_language_is_not_listed(case, found):
    panel = case.run.panel
    packs = tuple(
        replace(p, units=replace(p.units, language=np.ones_like(p.units.language)))
        for p in panel.packs
    )
    one = replace(case, run=replace(case.run, panel=replace(panel, packs=packs)))
    assert by_language(one, found.teacher) == ()
