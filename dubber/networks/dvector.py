"""The GE2E d-vector by which the lineage measures SECS: a user's copy of the published TorchScript files.

yistLin/dvector carries no licence, so nothing of its code is here: its files bring their own. Mel frames: log power in
40 bands at 100 Hz. Shapes: T samples at 16 kHz, M mel frames.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.networks.mel import Mel
from dubber.networks.published_weights import Published, require_shapes
from dubber.units import SAMPLE_RATE

PUBLISHED = Published(
    model="the GE2E d-vector",
    file="dvector-step250000.pt",
    group="dvector",
    source="yistLin/dvector, release v1.1.1",
)
FRONT_END = Published(model="the d-vector's front end", file="wav2mel.pt", group="dvector", source=PUBLISHED.source)
WIDTH = 256
BANDS = 40
SHAPES = {
    **{f"lstm.weight_ih_l{i}": (4 * WIDTH, WIDTH if i else BANDS) for i in range(3)},
    **{f"lstm.weight_hh_l{i}": (4 * WIDTH, WIDTH) for i in range(3)},
    **{f"lstm.bias_{way}_l{i}": (4 * WIDTH,) for i in range(3) for way in ("ih", "hh")},
    **{
        "embedding.weight": (WIDTH, WIDTH),
        "embedding.bias": (WIDTH,),
        "linear.weight": (1, WIDTH),
        "linear.bias": (1,),
    },
}
CALL = "embed_utterance"
WINDOW, HOP, LOWEST = 400, 160, 50.0  # samples, samples, Hz
FLOOR = 1e-9  # of a mel band's power
PEAK = 10 ** (-3 / 20)
QUIET, MOMENT, LOUDNESS_WINDOW = 0.01, 1600, 320  # of full scale, samples, samples


class Dvector:
    """Speech to a vector of length 1.

    Args:
        weights: the published `dvector-step250000.pt`.
        wav2mel: the published `wav2mel.pt`; None: `log_mel` in its place.

    Raises:
        MissingDataError: a file is not there.
        DubberError: it is not TorchScript, has other weights than the published ones, or answers otherwise.
    """

    def __init__(self, weights: Path | str, wav2mel: Path | str | None = None) -> None:
        self._network = _load(weights, PUBLISHED)
        if not hasattr(self._network, CALL):
            raise _foreign(weights, PUBLISHED, f"it has no method {CALL}")
        require_shapes(SHAPES, self._network.state_dict(), weights, PUBLISHED)
        self._front_end = _load(wav2mel, FRONT_END) if wav2mel else None
        self._files = weights, wav2mel
        self.embed(np.sin(np.arange(SAMPLE_RATE) ** 1.5 / 20).astype(np.float32))

    def embed(self, wav: np.ndarray) -> np.ndarray:
        """float32 [T] -> float32 [256].

        Raises:
            ClipError: nothing but silence.
            DubberError: the files answer in another form than the published ones.
        """
        with torch.inference_mode():
            mel = self._mel(wav)
            if not len(mel):
                raise ClipError("no speech found")
            vector = self._network.embed_utterance(mel)
        length = float(torch.linalg.vector_norm(vector))
        if tuple(vector.shape) != (WIDTH,) or not abs(length - 1) < 1e-3:
            found = f"{list(vector.shape)} of length {length:.3g}"
            raise _foreign(self._files[0], PUBLISHED, f"{CALL} gives {found}, not [{WIDTH}] of length 1")
        return vector.numpy()

    def _mel(self, wav: np.ndarray) -> Tensor:
        """[M, 40]."""
        if self._front_end is None:
            return torch.from_numpy(log_mel(wav))
        mel = self._front_end(torch.from_numpy(wav)[None], SAMPLE_RATE)
        if mel.ndim != 2 or mel.shape[1] != BANDS:
            raise _foreign(self._files[1], FRONT_END, f"it gives {list(mel.shape)}, not [frames, {BANDS}]")
        return mel


def log_mel(wav: np.ndarray) -> np.ndarray:
    """The published front end's steps, written afresh: float32 [T] -> float32 [M, 40]; M is 0 for silence.

    The peak is brought to -3 dB, silences are left out as sox does it. Then: windows of 25 ms every 10 ms, their power
    in 40 bands from 50 to 8000 Hz (HTK's scale, triangles of height 1), the natural logarithm.
    """
    peak = np.abs(wav).max(initial=0)
    speech = without_silences(wav * (PEAK / peak)) if peak else wav[:0]
    if len(speech) <= WINDOW // 2:
        return np.zeros((0, BANDS), np.float32)
    power = Mel(WINDOW, HOP, BANDS, LOWEST, scale="htk", padding="reflect").power(speech)
    return np.log(np.maximum(power, FLOOR)).T.astype(np.float32)


def without_silences(wav: np.ndarray) -> np.ndarray:
    """What sox's filter "silence 1 0.1 1% -1 0.1 1%" leaves of wav float32 [T].

    Loudness is the root mean square of the last 20 ms, before the beginning taken as zeros. 0.1 s above 1 % of full
    scale without a break begin a copy, from where they began. 0.1 s below it end the copy where they began; then the
    loudness starts from zeros again. Shorter pauses in a copy are kept, and a short one at the end.
    """
    energy = np.concatenate([[0.0], np.cumsum(wav.astype(np.float64) ** 2)])
    kept, start = [wav[:0]], 0
    while start < len(wav):
        ends = np.arange(start, len(wav)) + 1
        loud = energy[ends] - energy[np.maximum(ends - LOUDNESS_WINDOW, start)] > LOUDNESS_WINDOW * QUIET**2
        begin = _first_run(loud, True)
        if begin is None:
            break
        pause = _first_run(loud[begin:], False)
        stop = len(wav) if pause is None else start + begin + pause
        kept.append(wav[start + begin : stop])
        start = stop + MOMENT
    return np.concatenate(kept)


def _first_run(flags: np.ndarray, value: bool) -> int | None:
    """Where the first 0.1 s of this value without a break begin."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags == value, [False]]).astype(np.int8))).reshape(-1, 2)
    long = edges[edges[:, 1] - edges[:, 0] >= MOMENT]
    return int(long[0, 0]) if len(long) else None


def _load(path: Path | str, published: Published) -> torch.jit.ScriptModule:
    if not Path(path).is_file():
        raise MissingDataError(f"The file of {published.model} is missing.", looked_at=path, hint=published.remedy)
    try:
        return torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        if "Unknown builtin op" in str(error):
            raise DubberError(
                f"{published.model[0].upper()}{published.model[1:]} cannot be loaded here: {first}",
                looked_at=path,
                hint="The published wav2mel.pt calls sox by an operator of old versions of torchaudio. "
                "Leave `wav2mel` out: the same steps are then done without sox (docs/reference/metrics.md).",
            ) from error
        raise _foreign(path, published, first) from error


def _foreign(path: object, published: Published, why: str) -> DubberError:
    return DubberError(
        f"This is not the TorchScript file of {published.model}: {why}", looked_at=path, hint=published.remedy
    )
