"""What a served model and its machine are like."""

from __future__ import annotations

import re
from dataclasses import dataclass

BLOCK_TOKENS = 16  # tokens of one KV-cache block, vLLM's default


@dataclass(frozen=True)
class Profile:
    """One server. Durations are seconds.

    An iteration takes `iteration_base` + `prefill_token` for each prompt token computed + `decode_sequence` for each
    sequence that decodes + `kv_token` for each token in the cache of those sequences (reading it is what bounds
    decoding).
    """

    model: str
    gpus: int
    kv_blocks: int
    iteration_base: float
    prefill_token: float
    decode_sequence: float = 0.00004
    kv_token: float = 0.00000008
    token_budget: int = 2048
    max_sequences: int = 128
    context_tokens: int = 32_768
    prompt_median: float = 350.0
    prompt_sigma: float = 0.9
    output_median: float = 90.0
    output_sigma: float = 0.65
    cached_share: float = 0.92
    error_ratio: float = 0.001
    abort_ratio: float = 0.004
    patience: float = 60.0
    gpu_memory_mib: int = 81_559
    gpu_name: str = "NVIDIA H100 80GB HBM3"


def profile_of(model: str) -> Profile:
    """A plausible profile for a model by the size in its name (7b, 70B, 8x22b); 13 billion parameters without one."""
    match = re.search(r"(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z])", model.lower())
    size = float(match.group(2)) * (int(match.group(1)) if match.group(1) else 1) if match else 13.0
    size = min(max(size, 0.5), 700.0)
    gpus = 1 if size <= 20 else 4 if size <= 100 else 8
    return Profile(
        model=model,
        gpus=gpus,
        kv_blocks=1800,
        iteration_base=0.006 + 0.00035 * size / gpus,
        prefill_token=0.0000045 * size / gpus,
    )
