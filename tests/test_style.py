from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint import style
from fingerprint.style import FEATURES, FUNCTION_WORDS, LANGUAGES, LAYOUT, PUNCTUATION, StyleCounter
from fingerprint.tokens import Hasher, unpack
from tests.slow_units import tokens_of

ANSWER = """# Plan

1. **First**: don't wait; it's (almost) done.
2) Then we'll see:
* one – two
- three
-not a bullet
\t• four

```python
x = `y`
```
> "Quoted", said http://a.b and https://c.d
| a | b |
**Note:**
“That’s all”, they’re done… 😀☀

Isn't it? """


def count(text: str, hasher: Hasher | None = None) -> dict[str, int]:
    hasher = hasher or Hasher()
    lower = text.lower()
    tokens = unpack(hasher.text(lower))
    counts = StyleCounter(hasher).count([lower], tokens, np.array([0, len(tokens)]))
    assert counts.shape == (1, len(FEATURES))
    assert counts.dtype == np.uint8
    return dict(zip(FEATURES, counts[0].tolist(), strict=True))


def test_layout_of_an_answer() -> None:
    found = {name: n for name, n in count(ANSWER).items() if name.startswith("layout:") and n}
    assert found == {
        "layout:headings": 1,
        "layout:bullets": 3,
        "layout:numbered": 2,
        "layout:code_fences": 2,
        "layout:table_rows": 1,
        "layout:quotes": 1,
        "layout:bold": 2,
        "layout:code_marks": 8,
        "layout:links": 2,
        "layout:emoji": 2,
        "layout:paragraphs": 3,
        "layout:lines_ending_colon": 2,
        "layout:contractions": 4,
        "layout:ends_question": 1,
    }


@given(
    st.lists(
        st.sampled_from([*FUNCTION_WORDS, *PUNCTUATION, "zebra", "x1", "é", "漢", "\n", "🙂"]),
        max_size=80,
    )
)
@settings(deadline=None)
def test_words_and_punctuation_are_those_of_the_tokens(pieces: list[str]) -> None:
    text = " ".join(pieces)
    expected = Counter(tokens_of(text))
    found = count(text)
    for name in FUNCTION_WORDS:
        assert found[f"word:{name}"] == expected[name]
    for name in PUNCTUATION:
        assert found[f"punct:{name}"] == expected[name]


# Under the key "10" two words of the vocabulary agree in the first 16 bits of their hashes.
@pytest.mark.parametrize("key", [None, b"a", b"10"])
def test_counts_are_the_same_under_any_key(key: bytes | None) -> None:
    text = " ".join((*FUNCTION_WORDS, *PUNCTUATION, ANSWER))
    assert count(text, Hasher(key)) == count(text)
    assert min(count(text)[name] for name in FEATURES if not name.startswith("layout:")) == 1


def test_rows_do_not_mix_and_counts_stop_at_255() -> None:
    hasher = Hasher()
    lowers = ["the " * 300, "", "of the"]
    packed = [hasher.text(lower) for lower in lowers]
    offsets = np.cumsum([0, *(len(p) // 8 for p in packed)])
    counts = StyleCounter(hasher).count(lowers, unpack(b"".join(packed)), offsets)
    the, of = FEATURES.index("word:the"), FEATURES.index("word:of")
    assert counts[:, the].tolist() == [255, 0, 1]
    assert counts[:, of].tolist() == [0, 0, 1]


def test_contractions_are_few() -> None:
    text = "'Tis we'll n't I'm done. rock'n'roll's won't 'm x'd it's ain’t they’re"
    assert count(text)["layout:contractions"] == 7


def test_features_are_distinct_and_the_last_are_layout() -> None:
    assert len(set(FEATURES)) == len(FEATURES)
    assert tuple(f.removeprefix("layout:") for f in FEATURES[-len(LAYOUT) :]) == LAYOUT


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The answer is that it depends on the case.", "en"),
        ("La respuesta es que no se sabe por el momento.", "es"),
        ("Le modèle est une fonction qui dépend des données.", "fr"),
        ("Das ist nicht die Antwort auf die Frage.", "de"),
        ("Não é o que se espera da resposta, mas para um caso.", "pt"),
        ("Il modello non è una risposta che si conosce.", "it"),
        ("Model ini adalah jawaban yang tidak untuk dari dan.", "id"),
        ("模型不知道答案。", "zh"),
        ("これはモデルの答えです。", "ja"),
        ("모델은 답을 모른다.", "ko"),
        ("النموذج لا يعرف الجواب", "ar"),
        ("मॉडल को उत्तर नहीं पता", "hi"),
        ("Модель не знает ответа.", "ru"),
        ("แบบจำลองไม่รู้คำตอบ", "th"),
        ("xyzzy plugh", "other"),
        ("", ""),
        (" \n", ""),
        ("\ud800\0", "other"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert LANGUAGES[style.language(text)] == language


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m really sorry but no.",
        "Unfortunately I cannot do this.",
        "As an AI language model, I have no opinion.",
        "We are unable to comply.",
        "I must decline.",
        "抱歉，我无法回答。",
        "Lo siento, pero no.",
    ],
)
def test_refusals(text: str) -> None:
    assert style.is_refusal(text)


@pytest.mark.parametrize(
    "text",
    ["Sure! Here is how.", "Wi-Fi can't reach the rai cannot.", "", "x" * 300 + "I cannot do it"],
)
def test_no_refusals(text: str) -> None:
    assert not style.is_refusal(text)
