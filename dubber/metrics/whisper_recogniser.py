"""Whisper through faster-whisper, from a local folder of weights: the reference recogniser, and one for any words."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dubber.assets import fetch_command
from dubber.errors import DubberError, MissingDataError
from dubber.metrics.settings import WerSettings
from dubber.units import SAMPLE_RATE

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

log = logging.getLogger(__name__)

FILES = ("model.bin", "config.json", "tokenizer.json")  # of every conversion
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")  # one of them: the older conversions have the second
FIRST_TOKENS = 16  # beside those that the length allows: a word of a very short clip


class WhisperRecogniser:
    """Beam search, English, no voice-activity filter, no text carried over between windows.

    As published, a window whose text repeats itself or is improbable is decoded again at the next temperature. A cap on
    the tokens ends a loop that no temperature breaks. A job's draws follow from one seed and the order of its clips.

    Args:
        settings: weights (a folder with a CTranslate2 model), beam, temperatures, cap, device and number format.

    Raises:
        MissingDataError: a file is missing in the folder.
        DubberError: the files are damaged, or their spectrogram is not the model's.
    """

    def __init__(self, settings: WerSettings) -> None:
        self._settings, self._folder = settings, _checked(settings)
        chosen = settings.number_format
        self.name = f"whisper:{self._folder.name.removeprefix('whisper-')}{f', {chosen}' * (chosen != 'default')}"
        self._model = self._load()

    def _load(self) -> WhisperModel:
        """The model on the wanted device; on the CPU, with a warning, where CUDA's libraries cannot be loaded."""
        try:
            return self._ready(self._settings.device)
        except RuntimeError as error:
            if self._settings.device == "cpu":
                raise self._unreadable(error) from error
            log.warning("Whisper runs on the CPU, which is slow: CUDA cannot be used (%s).", error)
        try:
            return self._ready("cpu")
        except RuntimeError as error:
            raise self._unreadable(error) from error

    def _ready(self, device: str) -> WhisperModel:
        """Load the model and run its encoder once: libraries that are missing are found out here, not at a clip.

        Raises:
            RuntimeError: the device or the files cannot be used.
        """
        from ctranslate2 import StorageView, set_random_seed
        from faster_whisper import WhisperModel  # half a second that the other recognisers need not wait for

        set_random_seed(self._settings.seed)
        wanted = self._settings.number_format
        try:
            model = WhisperModel(str(self._folder), device=device, compute_type=wanted, local_files_only=True)
        except ValueError as error:
            raise RuntimeError(str(error)) from error
        bands, theirs = model.feature_extractor.mel_filters.shape[0], model.model.n_mels
        if bands != theirs:
            raise DubberError(
                f"The Whisper weights do not fit: preprocessor_config.json gives {bands} mel bands, the model "
                f"wants {theirs}.",
                looked_at=self._folder,
                hint=_fetch(self._settings),
            )
        model.model.encode(StorageView.from_array(np.zeros((1, bands, 3000), np.float32)))
        log.info("Whisper: %s on %s, %s", self._folder.name, model.model.device, model.model.compute_type)
        return model

    def _unreadable(self, error: Exception) -> DubberError:
        hint = _fetch(self._settings)
        return DubberError(f"The Whisper weights cannot be loaded: {error}", looked_at=self._folder, hint=hint)

    def transcribe(self, wav: np.ndarray) -> str:
        """wav float32 [samples] at 16 kHz -> text."""
        rate = self._settings.tokens_per_second
        segments, _ = self._model.transcribe(
            wav,
            language="en",
            beam_size=self._settings.beam,
            temperature=list(self._settings.temperatures),
            condition_on_previous_text=False,
            max_new_tokens=FIRST_TOKENS + round(rate * min(len(wav) / SAMPLE_RATE, 30)) if rate else None,
        )
        return " ".join(segment.text.strip() for segment in segments)


def _fetch(settings: WerSettings) -> str:
    return f"`{fetch_command(settings.group)}` fetches them."


def _checked(settings: WerSettings) -> Path:
    folder = Path(settings.weights)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in VOCABULARIES):
        missing.append(" or ".join(VOCABULARIES))
    if missing:
        raise MissingDataError(
            f"The Whisper weights lack {', '.join(missing)}.",
            looked_at=folder,
            hint=f"{_fetch(settings)}\n  Or name the folder of your own conversion in the metric's `weights`.",
        )
    return folder
