"""Measurements of the channels that need weights."""
