"""Measurements of `fingerprint logs` on simulated traffic, run by hand."""
