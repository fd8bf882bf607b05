"""Peers side by side with `fingerprint`, on the same responses: python -m benchmarks.peers.run."""
