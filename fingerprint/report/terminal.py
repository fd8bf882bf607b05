"""A verdict in the terminal: the answer first, then what it rests on and what limits it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fingerprint.records import (
    IMPOSSIBLE,
    MIN_LINEAGES,
    Party,
    RankingRow,
    Share,
    Verdict,
    VerdictLabel,
)
from fingerprint.report.page import STYLES, Page, grid, indented, show, widest
from fingerprint.report.words import (
    at_most,
    attributed,
    bar_limit,
    cap,
    count,
    evidence,
    interval,
    known,
    label,
    more_probable,
    percent,
    signed,
    strongest_first,
)

LINEAGES_NAMED = 12
PROBLEMS_NAMED = 3


def render_verdict(verdict: Verdict, console: Console) -> None:
    """Print a verdict on a console, readable at 80 columns and without colour.

    Parameters
    ----------
    verdict : Verdict
        What `compare` found. Every text in it is taken as hostile.
    console : rich.console.Console
        Where to print. Its width, encoding and colours decide the form, not the content.
    """
    page = Page.of(console)
    show(Group(*_parts(verdict, page)), console)


def _parts(verdict: Verdict, page: Page) -> Iterator[RenderableType]:
    yield _headline(verdict, page)
    yield indented(_summary(verdict, page))
    if verdict.ranking:
        yield page.section("Teachers", _ranking(verdict, page), _ranking_note(verdict))
    if verdict.channels:
        yield page.section("Channels", _channels(verdict, page))
    if verdict.alternatives:
        yield page.section("Alternatives: what else would explain it", _alternatives(verdict, page))
    if verdict.domains:
        yield page.section("Share by domain", _domains(verdict, page))
    if verdict.limitations:
        limits = [Text(page.prose(limit)) for limit in verdict.limitations]
        yield page.section("Limitations", page.bullets(limits))
    yield page.section("Background", _background(verdict, page))
    yield page.section("Inputs", _inputs(verdict, page))


def _headline(verdict: Verdict, page: Page) -> Panel:
    style = STYLES.get(str(verdict.verdict), "bold")
    return Panel(
        Text(page.prose(verdict.answer)),
        title=Text(label(verdict.verdict).upper(), style=style),
        title_align="left",
        border_style=style.replace("bold", "").strip(),
        padding=(0, 1),
        width=page.width,
    )


def _summary(verdict: Verdict, page: Page) -> Table:
    table = grid(2, gap=2)
    share, llr10 = attributed(verdict), evidence(verdict)
    if share is None:
        table.add_row("Share", "not estimated")
    else:
        table.add_row("Share", _share(share, page))
    if llr10 is None:
        table.add_row("Strength", Text(_because("not computed", page.prose(verdict.cap_reason))))
    else:
        table.add_row("Strength", _strength(verdict, llr10, page))
    if verdict.verdict == VerdictLabel.INSUFFICIENT:
        table.add_row("Needed", page.bullets(_needed(verdict, page)))
    return table


def _share(share: Share, page: Page) -> Group:
    figure = page.scale(share, max(10, min(30, page.width - 50)))
    figure.append(f"  {share.estimate:.2f}", style="bold")
    figure.append(f" ({interval(share.low, share.high)})")
    level = f"{percent(share.level)} interval; {page.prose(share.calibration)}"
    return Group(
        figure,
        Text(level),
        Text("0 like independent models, 1 like one trained on this teacher alone", "dim"),
    )


def _strength(verdict: Verdict, llr10: float, page: Page) -> Group:
    suspect, teacher = page.name(verdict.suspect.name, 40), page.name(verdict.teacher.name, 40)
    figure = Text.assemble("log10 LR ", (signed(llr10), "bold"))
    if verdict.verbal:
        figure.append(f", {page.prose(verdict.verbal)}")
    lines = [figure, Text(f"What is seen is {more_probable(llr10, suspect, teacher)}.")]
    limit = cap(verdict)
    if limit is not None:
        reason = page.prose(verdict.cap_reason)
        lines.append(Text(_because(f"At most {at_most(limit)} can be said", reason)))
    return Group(*lines)


def _needed(verdict: Verdict, page: Page) -> Iterator[Text]:
    """Say what would let a verdict be computed, as far as the record tells."""
    parties = {verdict.suspect.lineage, verdict.teacher.lineage}
    lineages = {model.lineage for model in verdict.background} - parties
    if len(lineages) < MIN_LINEAGES:
        yield Text(
            f"a background of at least {MIN_LINEAGES} lineages independent of both "
            f"({len(lineages)} here): add models with --background SPEC"
        )
    if verdict.n_prompts == 0:
        yield Text("prompts that suspect, teacher and background all answered (0 here)")
    if len(lineages) >= MIN_LINEAGES and verdict.n_prompts > 0:
        yield Text("a channel that can be measured; those below say what stops them")


def _ranking_note(verdict: Verdict) -> str:
    limit = bar_limit(verdict)
    if limit is None:
        return ""
    return f"log10 LR; bars run from {signed(-limit)} to {signed(limit)}, > marks the one asked for"


def _ranking(verdict: Verdict, page: Page) -> Table:
    limit = bar_limit(verdict) or 1.0
    names = {row.teacher: page.name(row.teacher) for row in verdict.ranking}
    table = grid(3, gap=2, first=1)
    table.columns[1].width = widest(names.values())
    labels = widest(label(row.verdict) for row in verdict.ranking)
    room = page.width - len("  >  ") - widest(names.values()) - len("    -0.0  ") - labels
    half = max(3, min(20, (room - 1) // 2))
    for row in sorted(verdict.ranking, key=strongest_first):
        asked = row.teacher == verdict.teacher.name
        name = Text(names[row.teacher], style="bold" if asked else "")
        table.add_row(">" if asked else "", name, _ranking_row(row, limit, half, page))
    return table


def _ranking_row(row: RankingRow, limit: float, half: int, page: Page) -> RenderableType:
    note = page.prose(row.note or "")
    value = evidence(row)
    if row.verdict == IMPOSSIBLE:
        return Text(_because("released after the suspect", note), style="dim")
    if value is None:
        fallback = label(row.verdict) if row.verdict == VerdictLabel.INSUFFICIENT else ""
        return Text(_because("not measured", note or fallback), style="dim")
    line = page.bar(value, limit, half)
    line.append(f"  {signed(value):>5}  ")
    line.append(page.prose(label(row.verdict)), style=STYLES.get(row.verdict, ""))
    return Group(line, Text(note, style="dim")) if note else line


def _channels(verdict: Verdict, page: Page) -> Table:
    table = _headed_table(page)
    names = [page.name(channel.name, 16) for channel in verdict.channels]
    table.add_column("channel", width=widest(names, 7), overflow="fold")
    tiny, narrow = page.width < 56, page.width < 70  # too narrow for five columns, for a wide one
    if not tiny:
        table.add_column("status", width=10, overflow="fold")
    table.add_column("score and interval", ratio=1, overflow="fold")
    table.add_column("log10 LR", width=5 if narrow else 8, justify="right", overflow="fold")
    table.add_column("prompts", width=7, justify="right", overflow="fold")
    for name, channel in zip(names, verdict.channels, strict=True):
        score, low, high = known(channel.score), known(channel.low), known(channel.high)
        llr10 = known(channel.llr10)
        status = Text(channel.status)
        found = [status] if tiny else []
        if score is not None:
            ends = f" ({interval(low, high, 3)})" if low is not None and high is not None else ""
            found.append(Text(f"{score:.3f}{ends}"))
        if channel.reason:
            found.append(Text(page.prose(channel.reason), style="dim"))
        table.add_row(
            Text(name),
            *([] if tiny else [status]),
            Group(*(found or [Text(page.dash)])),
            page.dash if llr10 is None else signed(llr10),
            f"{channel.n_prompts:,}",
        )
    return table


def _alternatives(verdict: Verdict, page: Page) -> Table:
    table = _headed_table(page)
    names = [page.prose(alternative.name) for alternative in verdict.alternatives]
    width = min(max(11, widest(names)), page.name_width)
    table.add_column("explanation", width=width, overflow="fold")
    table.add_column("status", width=10, overflow="fold")
    table.add_column("why", ratio=1, overflow="fold")
    for name, alternative in zip(names, verdict.alternatives, strict=True):
        llr10 = known(alternative.llr10)
        why = page.prose(alternative.why)
        if llr10 is not None:
            why = f"{why} (log10 LR {signed(llr10)})"
        table.add_row(Text(name), Text(alternative.status), Text(why))
    return table


def _domains(verdict: Verdict, page: Page) -> Table:
    names = [page.name(domain.domain) for domain in verdict.domains]
    table = grid(3, gap=2, first=widest(names))
    for name, domain in zip(names, verdict.domains, strict=True):
        prompts = count(domain.n_prompts, "prompt")
        share = domain.share
        if share is None or verdict.verdict == VerdictLabel.INSUFFICIENT:
            figure = Text(f"not estimated, {prompts}", style="dim")
        else:
            figure = page.scale(share, max(8, min(20, page.width - 60)))
            figure.append(f"  {share.estimate:.2f} ({interval(share.low, share.high)}), {prompts}")
        table.add_row(Text(name), figure)
    return table


def _background(verdict: Verdict, page: Page) -> Group:
    lineages = Counter(model.lineage for model in verdict.background)
    if not lineages:
        return Group(Text("No background models: nothing shows what agreement by chance is like."))
    named = sorted(lineages.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{page.name(name)} ({n})" for name, n in named[:LINEAGES_NAMED])
    if len(named) > LINEAGES_NAMED:
        listed += f" and {len(named) - LINEAGES_NAMED} more"
    models = count(len(verdict.background), "model")
    lines = [
        Text(f"{models} of {count(len(lineages), 'lineage')}: {listed}."),
        Text(
            "They are presumed unrelated to the suspect and the teacher. Any of them that learned "
            "from the teacher too would hide part of the signal."
        ),
    ]
    guessed = len({model.lineage for model in verdict.background if not model.lineage_known})
    if guessed:
        counted = "counts as a lineage" if guessed == 1 else "count as lineages"
        whom = "it" if guessed == 1 else "them"
        lines.append(Text(f"{guessed} of them {counted} only because nothing is known of {whom}."))
    return Group(*lines)


def _inputs(verdict: Verdict, page: Page) -> Group:
    table = grid(2, gap=2)
    table.add_row("suspect", Text(_party(verdict.suspect, page)))
    table.add_row("teacher", Text(_party(verdict.teacher, page)))
    table.add_row("prompts", f"{verdict.n_prompts:,} in common")
    files = count(len(verdict.inputs), "file")
    table.add_row("files", f"{files}; paths and SHA-256 with --format json")
    if verdict.problems:
        table.add_row("problems", f"{count(len(verdict.problems), 'line')} could not be used")
        for problem in verdict.problems[:PROBLEMS_NAMED]:
            table.add_row("", Text(page.prose(str(problem)), style="dim"))
    version = page.name(verdict.version)
    table.add_row("made by", Text(f"fingerprint {version}, seed {verdict.seed}"))
    return Group(table)


def _party(party: Party, page: Page) -> str:
    facts = [page.name(party.name, 2 * page.name_width)]
    if party.vendor:
        facts.append(f"by {page.name(party.vendor)}")
    lineage = f"lineage {page.name(party.lineage)}"
    facts.append(lineage if party.lineage_known else f"{lineage} (presumed: nothing is known)")
    if party.released:
        facts.append(f"released {page.name(party.released)}")
    facts.append(count(party.n_responses, "response"))
    if party.suites:
        facts.append(f"suite {', '.join(page.name(suite) for suite in party.suites)}")
    if party.versions:
        facts.append(f"version {', '.join(page.name(version) for version in party.versions)}")
    return ", ".join(facts)


def _headed_table(page: Page) -> Table:
    return Table(
        box=None, padding=(0, 2 if page.width > 70 else 1, 0, 0), expand=True, header_style="dim"
    )


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what
