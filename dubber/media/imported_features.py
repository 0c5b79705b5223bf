"""Features that the user brings, one file a clip.

Shapes: F video frames, D the stream's width.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dubber.errors import ClipError
from dubber.files import file_digest
from dubber.media.feature_streams import Stream, StreamFeatures, as_half
from dubber.media.settings import ImportedStream
from dubber.user_files import FEATURES, feature_file, require_folder


class Imported(Stream):
    """A user's own features: one `<clip>.npy` of floats [F, D] for every clip.

    Args:
        width: D.
        name: "lip" or "face", for the reasons of failures.

    Raises:
        MissingDataError: the folder is not there.
    """

    columns = ()

    def __init__(self, settings: ImportedStream, width: int, name: str) -> None:
        self.folder, self.tolerance, self.width, self.name = Path(settings.folder), settings.tolerance, width, name
        require_folder(self.folder, *FEATURES)

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        path = feature_file(self.folder, crops["clip"])
        if not path.is_file():
            raise ClipError(f"no {self.name} features: {path.name} is not in {self.folder}")
        values = self._fitted(self._read(path), crops["n_frames"], path.name)
        return StreamFeatures(as_half(values, self.name), f"import {file_digest(path)}")

    def _read(self, path: Path) -> np.ndarray:
        """Floats [any number of frames, D]."""
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ClipError(f"{self.name} features: {path.name} cannot be read: {error}") from error
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            kind = getattr(values, "dtype", type(values).__name__)
            raise ClipError(f"{self.name} features: {path.name} holds {kind}, not floats")
        if values.ndim != 2 or values.shape[1] != self.width:
            shape = list(values.shape)
            raise ClipError(f"{self.name} features: {path.name} is {shape}, expected [frames, {self.width}]")
        return values

    def _fitted(self, values: np.ndarray, n_frames: int, name: str) -> np.ndarray:
        """[F, D]; within the tolerance, the last frame is repeated or the rest is cut off."""
        if not len(values) or abs(len(values) - n_frames) > self.tolerance:
            raise ClipError(f"{self.name} features: {name} has {len(values)} frames, the clip {n_frames}")
        return values[np.minimum(np.arange(n_frames), len(values) - 1)]
