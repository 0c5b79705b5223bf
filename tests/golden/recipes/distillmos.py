"""Writes tests/golden/data/distillmos.json: opinions of the package distillmos 0.9.1 about made-up sounds.

    pip install --no-deps distillmos==0.9.1 xls-r-sqa==0.1.0
    python -m tests.golden.recipes.distillmos

Once with the published weights, once with made-up ones. An empty module takes torchaudio's place: the package imports
it and uses it for reading files alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from tests.helpers.made_up_weights import made_up, shapes

STORED = Path(__file__).parent.parent / "data" / "distillmos.json"


def sounds() -> dict[str, np.ndarray]:
    """Buzzes in rising noise, shorter and longer than the 7.68 s of a window; float32 [T] at 16 kHz."""
    made = {}
    for seconds in (3.0, 7.68, 10.5):
        time = np.arange(round(16000 * seconds)) / 16000
        phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * time)) / 16000
        buzz = sum(np.sin(k * phase) / k for k in range(1, 30)) * (np.sin(2 * np.pi * 3 * time) > -0.3)
        noise = np.random.default_rng(0).standard_normal(len(time)) * time / 40
        made[f"{seconds} s"] = (0.1 * buzz + noise).astype(np.float32)
    return made


def main() -> None:
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))
    from distillmos.sqa import ConvTransformerSQAModel

    stored = {}
    model = ConvTransformerSQAModel().eval()
    for weights in ("published", "made up"):
        if weights == "made up":
            model.load_state_dict(made_up(shapes(model)), strict=False)
        with torch.inference_mode():
            found = {name: float(model(torch.from_numpy(wav)[None])) for name, wav in sounds().items()}
        stored[weights] = found
    STORED.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
