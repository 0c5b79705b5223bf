"""The prosody stream: voicing, pitch and energy in one code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dubber.codec.world.quantiser import nearest


@dataclass(frozen=True)
class Prosody:
    """Frames [T] of speech without its sounds.

    Attributes:
        voiced: bool [T].
        pitch: float32 [T], log F0 relative to the voice's mean; 0 where unvoiced.
        energy: float32 [T], c_0: mean log amplitude.
    """

    voiced: np.ndarray
    pitch: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True)
class ProsodyQuantiser:
    """Two codebooks side by side: ids below len(voiced) are voiced, the others unvoiced.

    Attributes:
        voiced: float32 [Vv, 2], `pitch_weight` times pitch, and energy.
        unvoiced: float32 [Vu, 1], energy.
        pitch_weight: energy units that one unit of pitch counts.
    """

    voiced: np.ndarray
    unvoiced: np.ndarray
    pitch_weight: float

    def encode(self, prosody: Prosody) -> np.ndarray:
        """-> ids int64 [T]."""
        ids = len(self.voiced) + nearest(prosody.energy[:, None], self.unvoiced)
        speech = prosody.voiced
        ids[speech] = nearest(weighted(prosody, self.pitch_weight)[speech], self.voiced)
        return ids

    def decode(self, ids: np.ndarray) -> Prosody:
        """ids [T] -> the codes' pitch and energy."""
        pitches = np.concatenate([self.voiced[:, 0] / self.pitch_weight, np.zeros(len(self.unvoiced))])
        energies = np.concatenate([self.voiced[:, 1], self.unvoiced[:, 0]])
        return Prosody(ids < len(self.voiced), pitches[ids].astype(np.float32), energies[ids])


def weighted(prosody: Prosody, pitch_weight: float) -> np.ndarray:
    """float32 [T, 2]: the space in which voiced frames are compared."""
    return np.stack([pitch_weight * prosody.pitch, prosody.energy], axis=1).astype(np.float32)
