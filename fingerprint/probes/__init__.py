"""Probes: the prompts that models are asked, in versioned suites. See docs/probes.md."""

from fingerprint.probes.records import Probe, Suite
from fingerprint.probes.suite import load_suite, select, shipped_suites

__all__ = ["Probe", "Suite", "load_suite", "select", "shipped_suites"]
