"""Measurements on real data, run by hand."""
