"""Ask models: local weights and APIs, with nothing lost. See docs/collect.md."""

from fingerprint.collect.collection import Collected, collect, estimate
from fingerprint.collect.settings import Sampling, Settings

__all__ = ["Collected", "Sampling", "Settings", "collect", "estimate"]
