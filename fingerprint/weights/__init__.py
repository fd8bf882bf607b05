"""What open weights say: a model's own probabilities of what others wrote.

Bits per byte of responses (`scoring`, `served`), the evidence in them (`likelihood`), next-token
distributions across tokenizers (`distribution`), which base weights come from (`provenance`),
memorised text (`memorised`) and a provider's own mark (`radioactivity`).
"""
