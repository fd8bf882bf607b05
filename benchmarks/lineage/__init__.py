"""The lineage benchmark: how far the tool can be believed."""
