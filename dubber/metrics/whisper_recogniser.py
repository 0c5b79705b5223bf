"""The reference recogniser: Whisper large-v3 through faster-whisper, from a local folder of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dubber.errors import DubberError, MissingDataError

FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.json", "preprocessor_config.json")
FETCH = "This command fetches them (3 GB): dubber fetch whisper-large-v3"


class WhisperRecogniser:
    """Beam search at temperature 0, English, no voice-activity filter, no text carried over between windows.

    Args:
        weights: folder with a CTranslate2 model (`FILES`).
        beam: beam width.

    Raises:
        MissingDataError: a file is missing in `weights`.
        DubberError: the files are damaged, or their spectrogram is not the model's.
    """

    def __init__(self, weights: Path | str, beam: int) -> None:
        from faster_whisper import WhisperModel  # half a second that the other recognisers need not wait for

        folder = _checked(weights)
        self.name = f"whisper:{folder.name.removeprefix('whisper-')}"
        self._beam = beam
        try:
            self._model = WhisperModel(str(folder), local_files_only=True)
        except (RuntimeError, ValueError) as error:
            raise DubberError(f"The Whisper weights cannot be loaded: {error}", looked_at=folder, hint=FETCH) from error
        self._check_bands(folder)

    def _check_bands(self, folder: Path) -> None:
        ours, theirs = self._model.feature_extractor.mel_filters.shape[0], self._model.model.n_mels
        if ours != theirs:
            raise DubberError(
                f"The Whisper weights do not fit: preprocessor_config.json gives {ours} mel bands, the model "
                f"wants {theirs}.",
                looked_at=folder,
                hint=FETCH,
            )

    def transcribe(self, wav: np.ndarray) -> str:
        """wav float32 [samples] at 16 kHz -> text."""
        segments, _ = self._model.transcribe(
            wav, language="en", beam_size=self._beam, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)


def _checked(weights: Path | str) -> Path:
    missing = [name for name in FILES if not (Path(weights) / name).is_file()]
    if missing:
        raise MissingDataError(
            f"The Whisper weights lack {', '.join(missing)}.",
            looked_at=weights,
            hint=f"{FETCH}\n  Or name the folder of your own CTranslate2 conversion in the metric's `weights`.",
        )
    return Path(weights)
