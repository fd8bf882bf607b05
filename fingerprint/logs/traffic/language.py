"""Made-up languages with the habits of real ones: Zipf's words, stock phrases, topics, openings.

A few hundred real words stand among the made-up ones, since a scan may look for them: how people
open a request, and what belongs to programming, mathematics and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.object_]

TOPICS = {
    "code": "python function code bug sql class error javascript compile script api regex",
    "agents": "tool agent browser workflow call json schema plan terminal automate",
    "maths": "equation integral proof theorem solve matrix probability algebra derivative",
    "science": "molecule energy cell quantum experiment physics chemistry protein",
    "vision": "image picture photo chart diagram screenshot pixel describe",
    "writing": "essay story poem email tone paragraph blog headline draft",
    "translation": "translate translation language phrase dialect subtitle",
    "law": "contract clause law legal court liability license",
    "health": "symptom doctor diet medication sleep exercise patient",
    "business": "market customer revenue sales strategy budget startup invoice",
    "travel": "flight hotel itinerary city visa weather museum",
    "daily": "recipe dinner birthday gift kids school holiday garden",
}
TOPIC_NAMES = tuple(TOPICS)

_ENGLISH_OPENINGS = (
    "how do i", "what is the best way to", "can you help me with", "write a", "please write",
    "explain", "explain why", "what does it mean when", "give me a list of", "summarize this",
    "i am trying to", "is there a way to", "why does my", "compare", "fix this", "could you",
    "tell me about", "create a", "what are the", "i need to", "make this better", "help me",
    "what is the difference between", "act as an expert and", "rewrite this", "how much",
    "think step by step and", "you are a helpful assistant", "in simple words", "improve my",
)  # fmt: skip
_FOLLOW_UPS = (
    "continue", "thanks", "yes please", "make it shorter", "can you explain more", "go on",
    "that does not work", "now in a table", "give me another example", "ok", "try again",
)  # fmt: skip
_OPENINGS = {
    "en": _ENGLISH_OPENINGS,
    "es": ("como puedo", "que es", "escribe un", "explica", "ayudame a", "cual es la mejor forma"),
    "pt": ("como faço para", "o que é", "escreva um", "explique", "me ajude a"),
    "de": ("wie kann ich", "was ist der beste weg", "schreibe einen", "erkläre", "hilf mir bei"),
    "fr": ("comment puis-je", "écris un", "explique", "quelle est la meilleure façon de"),
    "ru": ("как мне", "напиши", "объясни", "что такое", "помоги мне с"),
    "zh": ("请帮我", "如何", "写一篇", "解释一下", "什么是"),
    "ja": ("教えてください", "どうやって", "書いてください", "説明して"),
}
SHARES = {
    "en": 0.5, "es": 0.1, "pt": 0.06, "de": 0.07, "fr": 0.06, "ru": 0.06, "zh": 0.09, "ja": 0.06
}  # fmt: skip
LANGUAGES = tuple(SHARES)

_ONSETS = "b c d f g h j k l m n p r s t v w br cl dr fl gr pl pr sh st th tr".split()
_VOWELS = "a e i o u ai ea io ou".split()
_CODAS = " n r s t l m nd st ck".split(" ")
_CYRILLIC = str.maketrans("abcdefghijklmnoprstuvw", "абцдефгхийклмнопрстувш")

_WORDS = 12_000
_TOPIC_WORDS = 2500
_PHRASES = 5000
_POOL_WORDS = 200_000


def zipf_ranks(rng: np.random.Generator, n: int, most: int, exponent: float) -> Ints:
    """Draw ranks 0, 1, ... below ``most`` with probability (rank + 2.7)^-exponent, shape (n,)."""
    weights = np.cumsum((np.arange(most) + 2.7) ** -exponent)
    ranks: Ints = np.searchsorted(weights, rng.random(n) * weights[-1], side="right")
    return ranks.astype(np.int64)


def as_objects(texts: list[str]) -> Words:
    """Return texts as an array that can be indexed by arrays, shape (n,)."""
    out: Words = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out


@dataclass(frozen=True, slots=True)
class Language:
    """One language: what its words are and how often they come."""

    name: str
    joiner: str
    openings: Words
    follow_ups: Words
    topic_words: Words
    """Words of each topic, the commonest first, shape (topics, words)."""
    phrases: Words
    pool: str
    """A long text to cut responses from."""
    shared: float

    @classmethod
    def make(cls, name: str, seed: int, shared: float) -> Language:
        """Make up a language; the same name and seed give the same one."""
        rng = np.random.default_rng([seed, LANGUAGES.index(name), 77])
        words = _vocabulary(rng, name)
        joiner = "" if name in ("zh", "ja") else " "
        topics = np.empty((len(TOPICS), _TOPIC_WORDS), dtype=object)
        for row, real in enumerate(TOPICS.values()):
            known = real.split() if name in ("en", "de", "fr", "es", "pt") else []
            # The commonest words belong to all topics, the rest to one.
            own = rng.permutation(np.arange(150, len(words)))[: _TOPIC_WORDS - 150]
            topics[row] = np.concatenate([words[:150], words[own]])
            topics[row, 20 : 20 + len(known)] = known
        lengths = rng.integers(3, 8, _PHRASES)
        drawn = words[zipf_ranks(rng, int(lengths.sum()), len(words), 0.9)].tolist()
        ends = np.cumsum(lengths).tolist()
        phrases = [joiner.join(drawn[end - n : end]) for n, end in zip(lengths, ends, strict=True)]
        pool = joiner.join(words[zipf_ranks(rng, _POOL_WORDS, len(words), 1.0)].tolist())
        return cls(
            name=name,
            joiner=joiner,
            openings=as_objects(list(_OPENINGS[name])),
            follow_ups=as_objects(list(_FOLLOW_UPS if name == "en" else _OPENINGS[name])),
            topic_words=topics,
            phrases=as_objects(phrases),
            pool=pool,
            shared=shared,
        )

    def write(self, rng: np.random.Generator, topics: Ints, lengths: Ints) -> list[str]:
        """Write one text a row, of a topic and about so many pieces, shapes (n,) and (n,).

        A piece is a word of the topic or, one time in seven, a stock phrase.
        """
        total = int(lengths.sum())
        owner = np.repeat(np.arange(len(topics)), lengths)
        pieces = self.topic_words[
            topics[owner], zipf_ranks(rng, total, self.topic_words.shape[1], 1.02)
        ]
        stock = np.flatnonzero(rng.random(total) < self.shared / 7)
        pieces[stock] = self.phrases[zipf_ranks(rng, len(stock), len(self.phrases), 0.8)]
        listed, ends = pieces.tolist(), np.cumsum(lengths).tolist()
        return [
            self.joiner.join(listed[end - n : end])
            for n, end in zip(lengths.tolist(), ends, strict=True)
        ]

    def ask(self, rng: np.random.Generator, topics: Ints) -> list[str]:
        """Write one ordinary request a row, shape (n,): often opened as many others are."""
        lengths = np.clip(rng.lognormal(2.9, 0.9, len(topics)), 2, 500).astype(np.int64)
        texts = self.write(rng, topics, lengths)
        opened = rng.random(len(texts)) < 0.6
        heads = self.openings[zipf_ranks(rng, len(texts), len(self.openings), 1.0)].tolist()
        return [
            f"{head}{self.joiner}{text}" if first else text
            for head, text, first in zip(heads, texts, opened.tolist(), strict=True)
        ]

    def answers(self, rng: np.random.Generator, n: int, words: int) -> list[str]:
        """Cut responses of about so many words from the pool."""
        characters = np.clip(rng.lognormal(np.log(6.5 * words + 1), 0.7, n), 1, 6000)
        starts = (rng.random(n) * (len(self.pool) - 6001)).astype(np.int64)
        ends = (starts + characters.astype(np.int64)).tolist()
        return [self.pool[start:end] for start, end in zip(starts.tolist(), ends, strict=True)]


def _vocabulary(rng: np.random.Generator, name: str) -> Words:
    """Make up the words of a language, the commonest and shortest first."""
    if name in ("zh", "ja"):
        low, high = (0x4E00, 0x6E00) if name == "zh" else (0x3042, 0x3094)
        codes = rng.integers(low, high, (_WORDS, 3))
        sizes = 1 + (np.arange(_WORDS) > 400) + (np.arange(_WORDS) > 6000)
        return as_objects(
            ["".join(map(chr, row[:k])) for row, k in zip(codes.tolist(), sizes, strict=True)]
        )
    found: dict[str, None] = {}
    while len(found) < _WORDS:
        drawn = rng.integers(0, (len(_ONSETS), len(_VOWELS), len(_CODAS)), (_WORDS, 2, 3)).tolist()
        for syllables in drawn:
            if len(found) == _WORDS:
                break
            # The commonest words have one syllable, of the others more and more have two.
            short = len(found) < 150 or (len(found) < 1000 and syllables[0][0] % 2)
            word = "".join(
                _ONSETS[onset] + _VOWELS[vowel] + _CODAS[coda]
                for onset, vowel, coda in syllables[: 1 if short else 2]
            )
            found[word.translate(_CYRILLIC) if name == "ru" else word] = None
    return as_objects(list(found))
