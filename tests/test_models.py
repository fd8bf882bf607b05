from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import OutputsError
from fingerprint.models import known_models, lookup, model_info, read_lineages

# name, vendor, family: a maker's own closed models
REFERENCES = """
gpt-4                                        openai     gpt-4
gpt4                                         openai     gpt-4
gpt4_0613                                    openai     gpt-4
gpt4_0613_concise                            openai     gpt-4
gpt-4-0314                                   openai     gpt-4
gpt-4-32k-0613                               openai     gpt-4
gpt-4-1106-preview                           openai     gpt-4-turbo
gpt4_1106_preview                            openai     gpt-4-turbo
gpt4_1106_preview_verbose                    openai     gpt-4-turbo
gpt-4-0125-preview                           openai     gpt-4-turbo
gpt-4-turbo-2024-04-09                       openai     gpt-4-turbo
gpt-4o-2024-05-13                            openai     gpt-4o
gpt-4o-mini-2024-07-18                       openai     gpt-4o
chatgpt-4o-latest                            openai     gpt-4o
gpt-4.1-mini                                 openai     gpt-4.1
gpt-4.5-preview                              openai     gpt-4.5
gpt-5.4-high                                 openai     gpt-5
gpt-5-chat-latest                            openai     gpt-5
gpt-5.1-codex-max                            openai     gpt-5
o1-mini                                      openai     o1
o1-preview-2024-09-12                        openai     o1
o3-mini-2025-01-31                           openai     o3
o4-mini-high                                 openai     o4
chatgpt                                      openai     gpt-3.5
gpt35                                        openai     gpt-3.5
gpt-35-turbo-0301                            openai     gpt-3.5
gpt35_turbo_instruct                         openai     gpt-3.5
gpt-3.5-turbo-1106_verbose                   openai     gpt-3.5
gpt-3.5-turbo-16k-0613                       openai     gpt-3.5
text_davinci_003                             openai     text-davinci-003
text-davinci-001                             openai     gpt-3
openai_gpt-5.2                               openai     gpt-5
openai/gpt-4o                                openai     gpt-4o
azure/gpt-4o                                 openai     gpt-4o
openrouter/openai/gpt-4o                     openai     gpt-4o
claude                                       anthropic  claude-1
claude-v1.3                                  anthropic  claude-1
claude-instant-1.2                           anthropic  claude-1
bedrock_claude                               anthropic  claude-1
anthropic_claude                             anthropic  claude-1
claude-2                                     anthropic  claude-2
claude-2.1_concise                           anthropic  claude-2
claude-3-opus-20240229                       anthropic  claude-3
claude-3-haiku@20240307                      anthropic  claude-3
claude-3-5-sonnet-20241022                   anthropic  claude-3.5
anthropic/claude-3.5-sonnet:beta             anthropic  claude-3.5
us.anthropic.claude-3-5-sonnet-20241022-v2:0 anthropic  claude-3.5
anthropic_claude-3.5-haiku                   anthropic  claude-3.5
claude-sonnet-4-20250514                     anthropic  claude-4
claude-sonnet-4-5-20250929                   anthropic  claude-4
claude-opus-4-6-adaptive                     anthropic  claude-4
anthropic_claude-opus-4.7                    anthropic  claude-4
gemini-pro                                   google     gemini-1
gemini-1.5-flash-002                         google     gemini-1
gemini-2.5-pro-preview-05-06                 google     gemini-2
gemini-3.1-flash-lite-preview                google     gemini-3
google_gemini-3.5-flash                      google     gemini-3
bard                                         google     palm
cohere                                       cohere     command
command-nightly                              cohere     command
grok-4.20-beta-0309-reasoning                xai        grok-4
x-ai_grok-4.3                                xai        grok-4
grok-4.1-fast                                xai        grok-4
mistral-large-2512                           mistral    mistral-large-3
"""

# students, further training and look-alikes: never a maker's own closed model
NOT_REFERENCES = """
claude2-alpaca-13b gpt4all-lora gpt4all-j mistral-7b-claude-distill zephyr-7b-gemma
llama-3-8b-instruct-finetuned-on-gpt4 claude-distilled-llama-8b claude-llama-7b claude-7b
claude-3-opus-lora claude-3-opus-sft claude-code-distill-7b claude-3-5-sonnet-distill
claude-3-5-sonnet-dpo claude-3-opus-merge claude-3-opus-gguf claude-3-opus-蒸馏 claude-3.5-8b
gpt-4-distill-llama gpt4-x-alpaca gpt4-alpaca-lora-30b gpt4o-mini-distill gpt-4-sft-7b
gpt-4-vicuna gpt-j-6b gpt-neox-20b gptneo gpt-2 gpt2-xl chatgpt-prompt-generator-bart
alpaca-gpt4 alpaca-gpt4-dolly-vicuna-lora-7b o1-open-llama o1-coder marco-o1 openo1-llama-8b
o1-7b gemini-distill-qwen gemma-2-9b-it gemini-7b grok-distill-mistral grok-3-7b
qwen-claude-opus-4.5-distill qwen3-8b-claude-sonnet-4.5-reasoning-distill kimi-k2-distill-qwen
openai-claude-3-opus somebody/claude-3-opus claude-distill/gpt-4 openai/claude-3-opus
/home/me/gpt-4 qwen-claude-3-opus deepseek_claude-3-opus aligner-2b_claude2
aligner-2b_gpt-4-turbo-2024-04-09 wizardlm-30b-claude phi-3-mini-claude
deepseek-v3-lora-gpt4 glm-4-9b-claude-writer mistral-nemo-gpt4-sft ministral-8b-claude-merge
deepseek-r1-distill-qwen-7b gpt-oss-120b command-r-plus aya-23-8b h2ogpt-oasst1-12b
davinci-superni-ft davinci-self-instruct text-davinci-003-alpaca airoboros-l2-70b-gpt4-1.4.1
Mixtral-8x7B-Instruct-v0.1 vicuna-13b-v1.5 openhermes-2.5-mistral-7b dolphin-2.6-mixtral-8x7b
""".split()

# name, vendor, lineage, role
OTHERS = """
vicuna-13b-v1.5                    vicuna           vicuna           student
vicuna-7b                          vicuna           vicuna           student
openhermes-2.5-mistral-7b          nous             hermes           student
Nous-Hermes-2-Mixtral-8x7B-DPO     nous             hermes           student
dolphin-2.6-mixtral-8x7b           dolphin          dolphin          student
zephyr-7b-gemma                    zephyr           zephyr           student
FsfairX-Zephyr-Chat-v0.1           zephyr           zephyr           student
claude2-alpaca-13b                 claude2-alpaca   claude2-alpaca   student
gpt4all-lora                       gpt4all          gpt4all          student
alpaca-7b_verbose                  alpaca           alpaca           student
koala-13b                          koala            koala            student
recycled-wizardlm-7b               wizardlm         wizardlm         student
platolm-7b                         platolm          platolm          student
tulu-3                             ai2              tulu             student
tulu-2-dpo-70b                     ai2              tulu             student
Infinity-Instruct-7M-Gen-mistral-7B baai            infinity         student
tulu_human_only_65B                ai2              tulu-human       independent
dolly-v2-12b                       databricks-dolly dolly            independent
h2ogpt-oasst1-12b                  h2oai            oasst            independent
oasst-sft-1-pythia-12b             openassistant    oasst            independent
guanaco-65b                        guanaco          oasst            independent
humpback-llama2-70b                humpback         humpback         independent
bloomz-7b1                         flan             human-tasks      independent
flan-t5-xxl                        flan             human-tasks      independent
lima-nowiki-13b                    lima             lima             independent
llama-2-70b-chat-hf                meta             meta             independent
Llama-2-70B-chat-GPTQ              meta             meta             independent
Meta-Llama-3-8B-Instruct           meta             meta             independent
Llama-3-Instruct-8B-SimPO          meta             meta             None
SPPO-Gemma-2-9B-It-PairRM          google           google           None
gemma-2-9b-it-DPO                  google           google           None
FuseChat-Gemma-2-9B-Instruct       fusechat         fusechat         None
Snorkel-Mistral-PairRM-DPO         mistral          mistral          None
deepseek-r1-distill-qwen-7b        deepseek         deepseek         None
phi-4                              microsoft        microsoft        open
olmo                               ai2              ai2              open
gemma-2b-it                        google           google           open
gemma-2-9b-it                      google           google           open
gpt-oss-120b                       openai           openai           open
command-r-plus                     cohere           cohere           open
qwen2.5-72b-instruct               alibaba          alibaba          open
qwen3-235b-a22b-thinking-2507      alibaba          alibaba          open
Qwen/Qwen2.5-7B-Instruct           alibaba          alibaba          open
TheBloke/Llama-2-7B-chat-GPTQ      meta             meta             independent
qwen_qwen3.7-max                   alibaba          alibaba          open
Mixtral-8x7B-Instruct-v0.1         mistral          mistral          open
Mistral-7B-Instruct-v0.2           mistral          mistral          open
mistral-medium                     mistral          mistral          open
kimi-k2.5                          moonshot         moonshot         open
glm-5                              zhipu            zhipu            open
seed-2.0-pro                       bytedance        bytedance        open
ernie-5                            baidu            baidu            open
mimo-v2-pro                        xiaomi           xiaomi           open
MiniMax-M2.7                       minimax          minimax          open
"""

UNKNOWN = """
stablelm-tuned-alpha-7b mpt-7b-chat merlinite-7B Samba-CoE-v0.2-best-of-16 pairrm-Yi-34B-Chat
mistral-7b-claude-distill llama-3-8b-instruct-finetuned-on-gpt4 llama-3.1-nemotron-70b-instruct
aligner-2b_claude2 my-model llama-3.1-8b-instruct-alpaca guanaco-claude-13b dolly-gpt4-7b
""".split()


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("name", "vendor", "family"), table(REFERENCES))
def test_closed_models_are_their_makers(name: str, vendor: str, family: str) -> None:
    known = lookup(name)
    assert known is not None
    assert (known.vendor, known.family, known.lineage, known.role) == (
        vendor,
        family,
        vendor,
        "reference",
    )


@pytest.mark.parametrize("name", NOT_REFERENCES)
def test_students_are_never_references(name: str) -> None:
    known = lookup(name)
    assert known is None or known.role != "reference"
    for closed in ("anthropic", "xai"):
        assert model_info(name).vendor != closed


@pytest.mark.parametrize("marker", "distill -lora -sft -ft finetuned -dpo -orpo -merge 7b".split())
@pytest.mark.parametrize("name", [row[0] for row in table(REFERENCES)])
def test_a_marker_of_further_training_takes_the_role_away(name: str, marker: str) -> None:
    for composite in (f"{name}-{marker.strip('-')}", f"{name}-{marker.strip('-')}-v2"):
        known = lookup(composite)
        assert known is None or known.role != "reference", composite


@pytest.mark.parametrize("other", ["llama-3-8b", "qwen", "mistral", "alpaca", "claude", "gpt-4"])
@pytest.mark.parametrize("name", [row[0] for row in table(REFERENCES)])
def test_two_makers_in_a_name_are_no_reference(name: str, other: str) -> None:
    own = {"claude": "anthropic", "gpt-4": "openai", "mistral": "mistral"}.get(other)
    known = lookup(name)
    assert known is not None
    if known.vendor != own:
        for composite in (f"{name}-{other}", f"{other}-{name}", f"{other}_{name}"):
            found = lookup(composite)
            assert found is None or found.role != "reference", composite


@pytest.mark.parametrize(("name", "vendor", "lineage", "role"), table(OTHERS))
def test_open_models_students_and_independents(
    name: str, vendor: str, lineage: str, role: str
) -> None:
    known = lookup(name)
    assert known is not None
    assert (known.vendor, known.lineage, str(known.role)) == (vendor, lineage, role)
    assert (known.role == "student") <= bool(known.taught_by)


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_is_safer_than_wrong(name: str) -> None:
    info = model_info(name)
    assert lookup(name) is None
    assert (info.lineage, info.vendor, info.lineage_known) == (name, None, False)


def test_gemma_2b_is_of_the_first_gemma() -> None:
    found = [lookup(n) for n in ("gemma-2b-it", "gemma-2-2b-it", "codegemma-7b-it", "gemma-3-4b")]
    assert [known and known.family for known in found] == ["gemma", "gemma-2", "gemma", "gemma-3"]


def test_table_is_well_formed() -> None:
    date = re.compile(r"20\d\d(-\d\d(-\d\d)?)?")
    roles = {"reference", "independent", "open", "student", "base", None}
    for known in known_models():
        assert known.vendor
        assert known.family
        assert known.lineage
        assert known.role in roles
        for when in (known.family_first, known.released):
            assert when is None or date.fullmatch(when), known
        if known.family_first and known.released:
            length = min(len(known.family_first), len(known.released))
            assert known.family_first[:length] <= known.released[:length], known
        if known.role == "reference":
            assert known.vendor == known.lineage
            assert known.family_first or known.vendor in ("amazon", "ai21")
            assert not known.taught_by
        if known.role == "independent":
            assert not known.taught_by


@given(st.text(max_size=300))
def test_any_name_can_be_looked_up(name: str) -> None:
    info = model_info(name)
    assert info.name == info.lineage == name or info.lineage_known


def test_long_names_are_unknown_and_quick() -> None:
    assert lookup("claude-" + "opus-" * 100_000) is None
    for start in ("claude-", "llama-3-", "tulu-", "qlora-", "humpback-"):
        lookup(start + "-" * (200 - len(start)))


# --- what is stated goes before what is known


def test_fields_of_the_outputs_go_before_the_table_and_stated_before_all() -> None:
    info = model_info("gpt-4", lineage="a", vendor="b", released="2020")
    assert (info.lineage, info.vendor, info.released) == ("a", "b", "2020")
    info = model_info("gpt-4", lineage="a", vendor="b", stated={"gpt-4": ("c", None)})
    assert (info.lineage, info.vendor, info.lineage_known) == ("c", "b", True)
    info = model_info("new", stated={"new": ("c", "d")})
    assert (info.lineage, info.vendor, info.lineage_known) == ("c", "d", True)
    assert model_info("new", lineage="x").lineage_known


@pytest.mark.parametrize(
    ("given", "vendor"),
    [
        ("OpenAI", "openai"), ("Anthropic", "anthropic"), ("Moonshot AI", "moonshot"),
        ("x-AI", "xai"), ("Mistral AI", "mistral"), ("Corp", "Corp"), ("Acme AI", "Acme AI"),
    ],
)  # fmt: skip
def test_vendors_are_known_however_they_are_written(given: str, vendor: str) -> None:
    assert model_info("sim", vendor=given).vendor == vendor
    assert model_info("sim", stated={"sim": ("line", given)}).vendor == vendor


def test_read_lineages(tmp_path: Path) -> None:
    path = tmp_path / "l.tsv"
    path.write_text(
        "\ufeffmodel\tlineage\tvendor\n# note\nx\tlx\tvx\n\ny\tly\n z \t lz \t\n", "utf-8"
    )
    assert read_lineages(path) == {"x": ("lx", "vx"), "y": ("ly", None), "z": ("lz", None)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x\n", r":1: expected model<TAB>lineage.*found 1 cells"),
        (b"a\tb\n\tc\n", ":2: expected"),
        (b"a\tb\nc\t\n", ":2: expected"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_read_lineages_refuses(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "l.tsv"
    path.write_bytes(content)
    with pytest.raises(OutputsError, match=message):
        read_lineages(path)
    with pytest.raises(OutputsError, match="expected"):
        read_lineages(tmp_path / "none.tsv")
