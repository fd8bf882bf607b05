"""Read and write outputs: the text responses of models to suites of prompts."""

from fingerprint.outputs.jsonl import write_jsonl
from fingerprint.outputs.read import read_outputs, sniff

__all__ = ["read_outputs", "sniff", "write_jsonl"]
