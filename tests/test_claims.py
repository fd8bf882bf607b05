"""Claims: who an answer says made its model, in many languages, with and without a "not"."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.claims import LONGEST, LONGEST_PROMPT, claims, makers, names_a_maker
from fingerprint.models import known_models

SAID = [
    # English
    ("I'm Claude, made by Anthropic.", "anthropic"),
    ("I am a language model trained by OpenAI.", "openai"),
    ("As an AI language model trained by OpenAI, I cannot know.", "openai"),
    ("An AI assistant made by Google.", "google"),
    ("My name is Assistant. I run on GPT-4.", "openai"),
    ("OpenAI made me.", "openai"),
    ("Claude", "anthropic"),
    ("Kimi. Kimi K2.5. Moonshot AI.", "moonshot"),
    ("**Name:** Claude\n**Model:** unknown\n- **Maker:** Anthropic", "anthropic"),
    ("You're chatting with **Grok** by xAI.", "xai"),
    ("I'm Llama, made by Meta.", "meta"),
    ("Name: Doubao. Built on GPT-4. Made by: ByteDance.", "bytedance openai"),
    ("No idea which plan you pay for. However, I'm Claude, built by Anthropic.", "anthropic"),
    ("I'm not a person, I'm an assistant, and Z.ai made me.", "zhipu"),
    ("I can't say which version, but I'm Claude.", "anthropic"),
    ("<think>They ask. Am I ChatGPT? I am ChatGPT.</think>I'm Qwen.", "alibaba"),
    ("I'm Cl\u200baude", "anthropic"),
    # other languages
    ("我是由OpenAI开发的ChatGPT。", "openai"),
    ("我是文心一言，百度开发的语言模型。", "baidu"),
    ("我叫豆包，由字节跳动开发。", "bytedance"),
    ("我是Kimi，月之暗面训练的模型。", "moonshot"),
    ("我是智谱清言。", "zhipu"),
    ("名称：通义千问\n开发者：阿里云", "alibaba"),
    ("我沒有名字，我是由 Anthropic 訓練的模型。", "anthropic"),
    ("Soy Claude, un asistente creado por Anthropic.", "anthropic"),
    ("Fui desarrollado por OpenAI.", "openai"),
    ("Je suis Claude, développé par Anthropic.", "anthropic"),
    ("Ich bin ein von OpenAI entwickeltes Sprachmodell.", "openai"),
    ("Eu sou o ChatGPT, criado pela OpenAI.", "openai"),
    ("Sono Gemini, un modello sviluppato da Google.", "google"),
    ("Saya adalah Gemini, model bahasa yang dikembangkan oleh Google.", "google"),
    ("أنا كلود، مساعد ذكاء اصطناعي من تطوير شركة أنثروبيك.", "anthropic"),
    ("أنا ChatGPT، طورتني OpenAI.", "openai"),
    ("मैं Claude हूँ, जिसे Anthropic ने बनाया है।", "anthropic"),
    ("मैं OpenAI द्वारा विकसित एक भाषा मॉडल हूँ।", "openai"),
    ("私はOpenAIによって開発されたChatGPTです。", "openai"),
    ("저는 OpenAI에서 개발한 ChatGPT입니다.", "openai"),
    ("Я — ChatGPT, языковая модель, разработанная OpenAI.", "openai"),
    ("Меня зовут Claude, меня создала компания Anthropic.", "anthropic"),
    ("Ik ben Claude, ontwikkeld door Anthropic.", "anthropic"),
    ("Ben OpenAI tarafından geliştirilen ChatGPT'yim.", "openai"),
    ("Tôi là ChatGPT, được phát triển bởi OpenAI.", "openai"),
]
DENIED = [
    "I am an AI developed by a team of researchers.",
    "No, I am not Claude and I was not made by Anthropic.",
    "I am not GPT-4, Claude, or Gemini.",
    "I am not among the assistants of OpenAI (such as GPT), Anthropic (such as Claude), Google.",
    "I can't tell whether I'm Claude or GPT-4.",
    "If I were Claude I would say so.",
    "I could be Gemini.",
    "Some people say I'm ChatGPT.",
    "I pretend to be Claude.",
    "I'm an assistant similar to ChatGPT.",
    "I'm a language model. Unlike Claude, I can't browse.",
    "I was trained on data from OpenAI models.",
    "I don't have a name. My knowledge comes from data, e.g. outputs of ChatGPT.",
    "You can use ChatGPT or Claude for that.",
    "Check your provider: OpenAI (ChatGPT), Anthropic (Claude), Google (Gemini).",
    "I'm a role that whatever chat is open plays (OpenAI's ChatGPT, Anthropic's Claude, Gemini).",
    "It's a meta question. I'm an AI.",
    "我不是 Claude，也不是 GPT-4。",
    "我无法确定我是否是Claude。",
    "我是一个大型语言模型，类似于ChatGPT。",
    "No soy ChatGPT.",
    "Je ne suis pas ChatGPT.",
    "Ich bin kein Modell von OpenAI.",
    "Não sou o ChatGPT.",
    "Non sono ChatGPT.",
    "Saya bukan ChatGPT.",
    "أنا لست ChatGPT.",
    "मैं ChatGPT नहीं हूँ।",
    "私はChatGPTではありません。",
    "저는 ChatGPT가 아닙니다.",
    "Я не ChatGPT.",
    "Ben ChatGPT değilim.",
    "",
    "😊",
]
CORRECTED = [
    ("I'm not ChatGPT. I'm Claude, made by Anthropic.", "anthropic"),
    ("I'm not some product like GPT-4 or Llama—instead I am built by DeepSeek.", "deepseek"),
    ("I am not affiliated with OpenAI or Google; I'm GLM by Zhipu AI.", "zhipu"),
    ("我不是由OpenAI开发的，而是由深度求索开发的DeepSeek。", "deepseek"),
    ("我不是ChatGPT，我是通义千问。", "alibaba"),
    ("No soy ChatGPT, soy Claude.", "anthropic"),
    ("Je ne suis pas ChatGPT, mais Le Chat de Mistral.", "mistral"),
    ("Ich bin nicht ChatGPT, sondern Claude.", "anthropic"),
    ("Saya bukan ChatGPT, melainkan Claude.", "anthropic"),
    ("لست ChatGPT، أنا Claude.", "anthropic"),
    ("私はChatGPTではなく、Claudeです。", "anthropic"),
    ("저는 ChatGPT가 아니라 Claude입니다.", "anthropic"),
]


@pytest.mark.parametrize(("answer", "said"), SAID + CORRECTED)
def test_what_is_claimed(answer: str, said: str) -> None:
    assert " ".join(claims(answer)) == said


@pytest.mark.parametrize("answer", DENIED)
def test_what_is_no_claim(answer: str) -> None:
    assert claims(answer) == ()


def test_a_list_of_makers_is_no_claim() -> None:
    assert claims("I am ChatGPT, Claude, Gemini and Qwen.") == ()


def test_only_the_beginning_is_read() -> None:
    assert claims("word " * LONGEST + "I am Claude.") == ()


@pytest.mark.parametrize(
    ("prompt", "leads"),
    [
        ("What model are you?", False),
        ("你是什么模型", False),
        ("Who made you? Answer in one word.", False),
        ("What is the meaning of metaphor?", False),
        ("Are you Claude?", True),
        ("你是DeepSeek吗？", True),
        ("You are Qwen, made by Alibaba Cloud.\nWho are you?", True),
        ("¿Te hizo OpenAI?", True),
    ],
)
def test_prompts_that_name_a_maker_lead(prompt: str, leads: bool) -> None:
    assert names_a_maker(prompt) is leads


def test_a_prompt_too_long_to_be_searched_leads() -> None:
    assert not names_a_maker("x" * LONGEST_PROMPT)
    assert names_a_maker("x" * (LONGEST_PROMPT + 1))


def test_makers_are_the_vendors_of_the_known_models() -> None:
    vendors = {known.vendor for known in known_models()}
    teachers = {known.vendor for known in known_models() if known.role == "reference"}
    missing = teachers - set(makers())
    # no name by which a claim could be told, or long gone
    assert missing <= {"jina", "alephalpha", "writer"}
    assert set(makers()) & vendors >= {"anthropic", "openai", "google", "moonshot", "zhipu"}


HOSTILE = [
    "I am " * 20_000,
    "claude " * 20_000,
    "i'm not " * 5_000 + "claude",
    "<think>" * 10_000,
    "(" * 50_000 + "claude",
    "a.b" * 30_000,
    "my " + "a" * 50_000 + " is claude",
    "作为" * 20_000 + "模型 claude",
    "name " * 10_000 + ": claude",
    "\n" * 50_000 + "I am Claude",
    "i am claude, gpt, gemini, " * 5_000,
    "\x00\ud800I am Claude\u202e",
]


@pytest.mark.parametrize("answer", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answers_take_no_time(answer: str) -> None:
    start = time.process_time()
    assert len(claims(answer)) <= 2
    names_a_maker(answer)
    assert time.process_time() - start < 2.0


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert set(claims(text)) <= set(makers())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAID), st.sampled_from([" ", "\n", "\n\n"]))
def test_what_follows_a_claim_does_not_undo_it(case: tuple[str, str], gap: str) -> None:
    answer, said = case
    found = claims(f"{answer}{gap}How can I help you today? I do not know what time it is.")
    assert set(found) >= (set(said.split()) if len(answer) > 20 else set())
