"""Standing texts of the memo: what is the same in every statement."""

from __future__ import annotations

from fingerprint.records import DECIDING_LINEAGES, DECIDING_PROMPTS

PROPOSITIONS = (
    "H1: the suspect learned from the teacher's outputs, directly or through data derived from "
    "them.",
    "H2: it did not; what is similar is what unrelated models of the time have in common.",
)

METHOD = (
    "From every answer the first words of lines and of sentences, its opening tokens and a sample "
    "of its short phrases were taken. At each prompt two models agree by the part of these that "
    "they have in common, each weighted by how few other lineages gave it there [1]; agreement of "
    "lines and sentences is adjusted for length. Chance is taken out: the agreement of suspect "
    "and teacher, less what each has in common with unrelated models. The difference is measured "
    "against its spread among pairs of unrelated models.",
    "A likelihood ratio says how many times more probable the observations are under H1 than under "
    "H2. It was fitted on models whose training is documented and judged by its cost on pairs left "
    "out of the fit [2]. It is held below a cap: with no false pair among n independent lineages "
    "the false positive rate may still be 3/n [3]. What the suspect says of who made it can add "
    "only where the text already speaks for the teacher, under the same cap. The share is read "
    "from mixtures of known dose. Intervals come from drawing prompts [4] and background lineages "
    "[5] again.",
    "Earlier work shows that models trained on another's outputs take over its manner [6], and "
    "that structure tells a teacher better than shared phrases do [7].",
)

SCALE_INTRODUCED = (
    "Verbal equivalents follow the guideline of ENFSI [8]. For ratios below one the same words "
    "hold for H2."
)
SCALE = (
    ("below 2", "no support either way"),
    ("2 to 10", "weak support"),
    ("10 to 100", "moderate support"),
    ("100 to 1,000", "moderately strong support"),
    ("1,000 to 10,000", "strong support"),
    ("above 10,000", "very strong support"),
)

STATEMENT = (
    "The likelihood ratio is not the probability that H1 is true: that also depends on what else "
    "is known, which is for the reader to weigh. The findings concern behaviour on these prompts. "
    "They say nothing about permission, intent or law, nor which way text travelled. The statement "
    "was generated from the verdict file; it bears no date and no name, and whoever adopts it adds "
    "both."
)

REFERENCES = (
    "Broder, A. Z. (1997). On the resemblance and containment of documents. "
    "doi:10.1109/SEQUEN.1997.666900",
    "Brümmer, N. and du Preez, J. (2006). Application-independent evaluation of speaker detection. "
    "doi:10.1016/j.csl.2005.08.001",
    "Hanley, J. A. and Lippman-Hand, A. (1983). If nothing goes wrong, is everything all right? "
    "doi:10.1001/jama.1983.03330370053031",
    "Davison, A. C. and Hinkley, D. V. (1997). Bootstrap Methods and their Application. "
    "doi:10.1017/CBO9780511802843",
    "Rubin, D. B. (1981). The Bayesian bootstrap. doi:10.1214/aos/1176345338",
    "Gudibande, A. et al. (2023). The False Promise of Imitating Proprietary LLMs. "
    "arXiv:2305.15717",
    "Wadhwa, S. et al. (2025). Who Taught You That? Tracing Teachers in Model Distillation. "
    "arXiv:2502.06659",
    "European Network of Forensic Science Institutes (2015). ENFSI Guideline for Evaluative "
    "Reporting in Forensic Science.",
)

CITATION = ": forensics for distillation between language models. "


def change_of_mind(n_prompts: int, lineages: int, supported: bool) -> tuple[str, ...]:
    """List what would change the conclusion, given what there was."""
    said = []
    if n_prompts < DECIDING_PROMPTS:
        said.append(
            f"Answers to more common prompts: below {DECIDING_PROMPTS} nothing is decided either "
            "way."
        )
    if lineages < DECIDING_LINEAGES:
        said.append(
            f"More independent background lineages: below {DECIDING_LINEAGES} nothing is decided "
            "either way."
        )
    said.append(
        "A background model that turns out to have learned from the teacher, or to be related to "
        "the suspect: it would have to be left out, and the figures computed again."
    )
    if supported:
        said.append(
            "A teacher that was not measured and fits as well, a common public data set that holds "
            "the teacher's text, or dates that exclude the teacher."
        )
    else:
        said.append(
            "Signs that the suspect's manner was changed after training, by a system prompt, "
            "reformatting or further tuning, which hide what was learned."
        )
    said += [
        "More independent lineages of documented training in the calibration, which would lift the "
        "cap or show error rates that are higher than assumed.",
        "Evidence of another kind: likelihoods under the suspect's weights, canary texts, access "
        "logs, training records.",
    ]
    return tuple(said)
