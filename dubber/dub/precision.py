"""In which number format the denoiser computes."""

from __future__ import annotations

import torch


def denoiser_type(precision: str, device: torch.device) -> torch.dtype:
    """The type of the denoiser's weights: as asked, or with "auto" bfloat16 where the device itself multiplies it."""
    if precision == "auto":
        precision = "bf16" if multiplies_bfloat16(device) else "float32"
    return {"float32": torch.float32, "bf16": torch.bfloat16}[precision]


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 ones: GPUs since Ampere, CPUs with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
