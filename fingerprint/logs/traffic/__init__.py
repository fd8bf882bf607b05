"""Simulated API traffic with known campaigns: what the scan is developed and judged on."""

from fingerprint.logs.traffic.parameters import PRESETS, Campaign, Traffic, preset
from fingerprint.logs.traffic.write import Written, simulate

__all__ = ["PRESETS", "Campaign", "Traffic", "Written", "preset", "simulate"]
