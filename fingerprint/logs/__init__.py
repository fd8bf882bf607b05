"""API abuse: extraction campaigns in traffic logs, canaries, and the bridge to a suspect."""
