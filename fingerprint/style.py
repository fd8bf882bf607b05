"""Named style features of one response: function words, punctuation, layout, shape, language.

Counts, never text: a row is small integers, and what each column means is in `FEATURES`.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from fingerprint.tokens import U64, Hasher

STYLE_VERSION = 1

FUNCTION_WORDS = tuple(
    """
    a about above after again all also although always am an and another any are as at be
    because been before being both but by can cannot could do does each either else even ever
    every few for from further had has have he her here his how however i if in instead into
    is it it's its just least less let's many may me might more most much must my neither
    never no nor not now of off on once one only or other our out over own perhaps please
    quite rather really same several shall she should since so some something still such than
    that that's the their them then there therefore these they this those though through thus
    to together too under until up upon us very was we well were what when where whether which
    while who whose why will with within without would yes yet you you're your
    """.split()
)
PUNCTUATION = tuple(
    ". , ; : ! ? ' \" ( ) [ ] { } / - – — … “ ” ’ * # ` | = < > & % $ @ _ 。 ， 、".split()
)
LAYOUT = (
    "headings", "bullets", "numbered", "code_fences", "table_rows", "quotes", "bold", "code_marks",
    "links", "emoji", "paragraphs", "lines_ending_colon", "contractions", "ends_question",
    "ends_exclamation",
)  # fmt: skip
FEATURES = (
    tuple(f"word:{w}" for w in FUNCTION_WORDS)
    + tuple(f"punct:{p}" for p in PUNCTUATION)
    + tuple(f"layout:{f}" for f in LAYOUT)
)

LANGUAGES = ("", *"en es fr de pt it id zh ja ko ar hi ru th other".split())
_SCRIPTS = (
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_COMMON_WORDS = {
    "en": "the and of to is in that for it with are this as be on not you or",
    "es": "el la los las de que y en un una es por con para se del como más",
    "fr": "le la les des de et est une que dans pour pas qui sur avec du ce au",
    "de": "der die das und ist nicht ein eine zu den mit von sich auf für im es",
    "pt": "o os as de que e em um uma para com não é do da por mais como se",
    "it": "il lo gli di che e un una per con non è del della sono si come più",
    "id": "yang dan di dengan untuk dari ini itu adalah pada tidak dalam ke",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _name, _words in _COMMON_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _name)

_REFUSALS = (
    r"i['’]m (?:really |very )?sorry,? but",
    r"\bi (?:can['’]t|cannot|can not|won['’]t|am unable to|must decline|am not able to)",
    r"i['’]m (?:unable|not able) to",
    r"as an ai(?: language model)?,? i",
    r"unable to (?:assist|help|comply)",
    r"lo siento,? pero|je suis désolée?,? mais|es tut mir leid|desculpe,? mas|maaf,? (?:saya|tapi)",
    r"抱歉|对不起|很遗憾|我无法|我不能|申し訳|आप की मदद नहीं|عذرا|آسف",
)
_REFUSAL = re.compile("|".join(_REFUSALS))
_LINE_MARK = re.compile(r"(?m)^[^\S\n]*(?:\*\*)?(#|[*\-•–](?=[^\S\n])|\d{1,3}[.)]|```|\||>)")
_MARK_NAMES = {"#": "headings", "`": "code_fences", "|": "table_rows", ">": "quotes"}
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_CONTRACTIONS = ("n't", "'re", "'ve", "'ll", "'m ", "n’t", "’re", "’ve", "’ll", "’m ")


class StyleCounter:
    """Counts the features of responses; holds the hashed vocabulary of one hasher."""

    def __init__(self, hasher: Hasher) -> None:
        hashes = np.array([hasher.word(t) for t in FUNCTION_WORDS + PUNCTUATION], dtype=np.uint64)
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]

    def count(self, text: str, lower: str, tokens: U64) -> npt.NDArray[np.uint8]:
        """Return the counts, shape (len(FEATURES),), each at most 255.

        Parameters
        ----------
        text, lower : str
            The response and the same in lower case.
        tokens : array of uint64, shape (n_tokens,)
            Hashes of its tokens by the same hasher.
        """
        n_vocabulary = len(self._hashes)
        place = np.minimum(np.searchsorted(self._hashes, tokens), n_vocabulary - 1)
        known = self._hashes[place] == tokens
        words: npt.NDArray[np.int64] = np.bincount(
            self._order[place[known]], minlength=n_vocabulary
        )
        counts = np.concatenate([words, _layout(lower)])
        capped: npt.NDArray[np.uint8] = np.minimum(counts, 255).astype(np.uint8)
        return capped


def _layout(lower: str) -> list[int]:
    found = dict.fromkeys(LAYOUT, 0)
    for mark in _LINE_MARK.findall(lower):
        name = "numbered" if mark[0].isdigit() else _MARK_NAMES.get(mark[0], "bullets")
        found[name] += 1
    found["bold"] = lower.count("**") // 2
    found["code_marks"] = lower.count("`")
    found["links"] = lower.count("http")
    found["emoji"] = 0 if lower.isascii() else len(_EMOJI.findall(lower))
    found["paragraphs"] = lower.count("\n\n")
    found["lines_ending_colon"] = lower.count(":\n") + lower.count(":**\n")
    found["contractions"] = (
        sum(map(lower.count, _CONTRACTIONS)) if "'" in lower or "’" in lower else 0
    )
    end = lower.rstrip()[-1:]
    found["ends_question"] = int(end in ("?", "？"))
    found["ends_exclamation"] = int(end in ("!", "！"))
    return list(found.values())


def language(text: str) -> int:
    """Return the index in `LANGUAGES` of the language, by script and common words of the start."""
    head = text[:600]
    if not head.strip():
        return 0
    if not head.isascii():
        counts = {name: len(pattern.findall(head)) for name, pattern in _SCRIPTS}
        if counts["ja"] > 0.1 * (counts["zh"] + counts["ja"]):
            counts["ja"] += counts["zh"]
        best = max(counts, key=lambda name: counts[name])
        if counts[best] > 0.2 * len(head):
            return LANGUAGES.index(best)
    words = head.lower().split()
    votes = Counter(name for word in words for name in _LANGUAGES_OF.get(word, ()))
    if votes:
        best, n = votes.most_common(1)[0]
        if n >= 0.05 * len(words):
            return LANGUAGES.index(best)
    return LANGUAGES.index("other")


def is_refusal(text: str) -> bool:
    """Say whether the response opens as a refusal does (a flag for counting, not a judgement)."""
    return _REFUSAL.search(text[:240].lower()) is not None
