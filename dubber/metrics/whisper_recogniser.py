"""The reference recogniser: Whisper large-v3 through faster-whisper, from a local folder of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dubber.errors import DubberError, MissingDataError

FILES = ("model.bin", "config.json", "tokenizer.json")


class WhisperRecogniser:
    """Beam search at temperature 0, English, no voice-activity filter, no text carried over between windows.

    Args:
        weights: folder with a CTranslate2 model (model.bin, config.json, tokenizer.json).
        beam: beam width.

    Raises:
        MissingDataError: a file is missing in `weights`.
        DubberError: faster-whisper is not installed.
    """

    def __init__(self, weights: Path | str | None, beam: int) -> None:
        folder = _checked(weights)
        try:
            from faster_whisper import WhisperModel
        except ImportError:
            raise DubberError(
                "The Whisper recogniser needs the package faster-whisper.",
                looked_at="the Python environment",
                hint="pip install faster-whisper, or set the metric's backend to pocketsphinx.",
            ) from None
        self.name = f"whisper:{folder.name}"
        self._beam = beam
        self._model = WhisperModel(str(folder), local_files_only=True)

    def transcribe(self, wav: np.ndarray) -> str:
        """wav float32 [samples] at 16 kHz -> text."""
        segments, _ = self._model.transcribe(
            wav, language="en", beam_size=self._beam, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)


def _checked(weights: Path | str | None) -> Path:
    missing = list(FILES) if weights is None else [name for name in FILES if not (Path(weights) / name).is_file()]
    if missing:
        raise MissingDataError(
            f"The Whisper weights lack {', '.join(missing)}.",
            looked_at=weights or "the metric's `weights` (not set)",
            hint="Put a CTranslate2 conversion of Whisper large-v3 there and name the folder in the configuration.",
        )
    return Path(weights)
