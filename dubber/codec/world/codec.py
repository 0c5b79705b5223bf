"""The embedded codec: WORLD analysis, six streams of vector quantised frames, WORLD synthesis.

    prosody   voicing, log F0 and energy (c_0)
    content   the mel-cepstrum c_1.., in two stages
    acoustic  what these leave of c_0.. and of the aperiodicity, in three stages

All of it is relative to the voice: the means of log F0, mel-cepstrum and aperiodicity, which are part of the speaker
vector. They are taken off in `encode` and put back in `decode`: with a clip's own vector nothing is lost, and with
another clip's vector pitch, timbre and level follow that vector.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dubber.codec.base import Tokens
from dubber.codec.settings import WorldAnalysisSettings, WorldSettings
from dubber.codec.world.analysis import AnalysedClip, Analysis, analyse, synthesise
from dubber.codec.world.prosody import Prosody, ProsodyQuantiser
from dubber.codec.world.quantiser import ResidualQuantiser
from dubber.codec.world.voice import Voice, VoiceScale, ge2e_vector, voice_of
from dubber.errors import DubberError, MissingDataError
from dubber.files import atomic_path
from dubber.units import SAMPLE_RATE, TOKEN_RATE

CONTENT_STAGES, ACOUSTIC_STAGES = 2, 3
FORMAT = "dubber world codec 2"


@dataclass(frozen=True)
class World:
    """`dubber.codec.base.Codec` by WORLD and fitted codebooks.

    Attributes:
        prosody, content, acoustic: the fitted quantisers.
        voices: voices as part of speaker vectors, and back.
        provenance: the clips that the codebooks were fitted on; stored in the file, without effect on the sound.
    """

    settings: WorldSettings
    prosody: ProsodyQuantiser
    content: ResidualQuantiser
    acoustic: ResidualQuantiser
    voices: VoiceScale
    provenance: Mapping[str, str] = field(default_factory=dict)

    name = "world"
    sample_rate = SAMPLE_RATE
    token_rate = TOKEN_RATE
    streams = 1 + CONTENT_STAGES + ACOUSTIC_STAGES

    @property
    def vocab(self) -> int:
        return self.settings.codes

    @property
    def speaker_dim(self) -> int:
        return self.settings.speaker_dim

    def encode(self, wav: np.ndarray) -> Tokens:
        """wav float32 [samples] at 16 kHz in -1..1 -> ids [6, T], T = round(samples * 80 / 16000), speaker [S].

        Raises:
            ClipError: the clip is too short, silent, not finite or without a voiced frame.
        """
        return self.quantise(analyse_clip(wav, self.settings.analysis))

    def quantise(self, clip: AnalysedClip) -> Tokens:
        """The tokens of a clip that is analysed already, under the same `settings.analysis`."""
        voice = voice_of(clip.analysis, self.settings.analysis.active_range)
        relative = Relative.of(clip.analysis, voice)
        prosody = self.prosody.encode(relative.prosody)
        content = self.content.encode(relative.content)
        left = relative.acoustic - self.explained(prosody, content)
        ids = np.concatenate([prosody[None], content, self.acoustic.encode(left)])
        heard = voice_of(self.voices.without_edge(clip.analysis), self.settings.analysis.active_range)
        return Tokens(ids=ids, speaker=self.voices.speaker(clip.ge2e, heard))

    def explained(self, prosody: np.ndarray, content: np.ndarray) -> np.ndarray:
        """What prosody ids [T] and content ids [2, T] say of c_0..c_M and aperiodicity: [T, M + 2]."""
        energy = self.prosody.decode(prosody).energy
        return np.column_stack([energy, self.content.decode(content), np.zeros_like(energy)])

    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        """ids [6, T] in the voice of speaker [S] -> float32 [200 T] at 16 kHz in -1..1.

        Of drafts [J, 6, T] the mean is spoken. On average it sounds as the speaker vector says, whatever the ids.
        """
        drafts = [self.dequantise(draft, speaker) for draft in np.reshape(ids, (-1, *np.shape(ids)[-2:]))]
        voice = self.voices.voice(np.asarray(speaker, np.float32))
        return synthesise(in_voice(mean_of(drafts), voice, self.settings.analysis.active_range))

    def dequantise(self, ids: np.ndarray, speaker: np.ndarray) -> Analysis:
        """What the vocoder is given for ids [6, T] and speaker [S]."""
        ids = np.asarray(ids, np.int64)
        voice = self.voices.voice(np.asarray(speaker, np.float32))
        prosody = self.prosody.decode(ids[0])
        frames = self.explained(ids[0], ids[1:3]) + self.acoustic.decode(ids[3:])
        cepstrum, aperiodicity = frames[:, :-1] + voice.cepstrum, frames[:, -1] + voice.aperiodicity
        return Analysis(
            f0=np.where(prosody.voiced, np.exp(prosody.pitch + voice.log_f0), 0).astype(np.float32),
            cepstrum=cepstrum.astype(np.float32),
            aperiodicity=np.where(prosody.voiced, np.minimum(aperiodicity, 0), 0).astype(np.float32),
        )

    def save(self, path: Path | str) -> None:
        """One safetensors file with the settings and the provenance in its metadata; whole or absent."""
        tensors = {
            "prosody.voiced": self.prosody.voiced,
            "prosody.unvoiced": self.prosody.unvoiced,
            "content.codebooks": self.content.codebooks,
            "content.weights": self.content.weights,
            "acoustic.codebooks": self.acoustic.codebooks,
            "acoustic.weights": self.acoustic.weights,
            "voices.mean": self.voices.mean,
            "voices.deviation": self.voices.deviation,
        }
        metadata = {
            "format": FORMAT,
            "settings": self.settings.model_dump_json(),
            "provenance": json.dumps(dict(self.provenance)),
        }
        with atomic_path(path) as temporary:
            save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, temporary, metadata)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote.

        Raises:
            MissingDataError: the file is not there.
            DubberError: it is damaged or something else.
        """
        tensors, metadata = _read(Path(path))
        settings = WorldSettings.model_validate_json(metadata["settings"])
        return cls(
            settings=settings,
            prosody=ProsodyQuantiser(tensors["prosody.voiced"], tensors["prosody.unvoiced"], settings.f0_weight),
            content=ResidualQuantiser(tensors["content.codebooks"], tensors["content.weights"]),
            acoustic=ResidualQuantiser(tensors["acoustic.codebooks"], tensors["acoustic.weights"]),
            voices=VoiceScale(tensors["voices.mean"], tensors["voices.deviation"]),
            provenance=json.loads(metadata["provenance"]),
        )


@dataclass(frozen=True)
class Relative:
    """A clip as the quantisers see it: relative to a voice.

    Attributes:
        prosody: voicing, pitch and energy.
        content: [T, M], c_1..c_M.
        acoustic: [T, M + 2], c_0..c_M and aperiodicity; aperiodicity 0 where unvoiced.
    """

    prosody: Prosody
    content: np.ndarray
    acoustic: np.ndarray

    @classmethod
    def of(cls, analysis: Analysis, voice: Voice) -> Self:
        voiced, cepstrum = analysis.voiced, analysis.cepstrum - voice.cepstrum
        pitch = np.zeros_like(analysis.f0)
        pitch[voiced] = np.log(analysis.f0[voiced]) - voice.log_f0
        noise = np.where(voiced, analysis.aperiodicity - voice.aperiodicity, 0)
        return cls(
            prosody=Prosody(voiced, pitch, cepstrum[:, 0]),
            content=cepstrum[:, 1:],
            acoustic=np.column_stack([cepstrum, noise]),
        )


def mean_of(drafts: Sequence[Analysis]) -> Analysis:
    """Several ways of saying one thing as one: the mean envelope, voiced where most of them are, at their mean pitch.

    Pitch (its logarithm) and aperiodicity are means over the drafts that are voiced there.
    """
    if len(drafts) == 1:
        return drafts[0]
    voices = np.stack([draft.voiced for draft in drafts])
    counts = voices.sum(axis=0)
    voiced = 2 * counts > len(drafts)

    def over_voiced(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.where(voices, values, 0).sum(axis=0) / np.maximum(counts, 1)

    log_f0 = over_voiced([np.log(np.maximum(draft.f0, 1)) for draft in drafts])
    return Analysis(
        f0=np.where(voiced, np.exp(log_f0), 0).astype(np.float32),
        cepstrum=np.mean([draft.cepstrum for draft in drafts], axis=0),
        aperiodicity=np.where(voiced, over_voiced([draft.aperiodicity for draft in drafts]), 0).astype(np.float32),
    )


def in_voice(analysis: Analysis, voice: Voice, active_range: float) -> Analysis:
    """The same speech, moved as a whole so that its averages are the voice's: pitch, level and timbre.

    The codes of a recording say so anyhow, but those that a model draws lean to what is common.
    """
    if not analysis.voiced.any():
        return analysis
    own = voice_of(analysis, active_range)
    f0 = analysis.f0 * np.exp(voice.log_f0 - own.log_f0)
    cepstrum = analysis.cepstrum + (voice.cepstrum - own.cepstrum)
    return replace(analysis, f0=f0.astype(np.float32), cepstrum=cepstrum.astype(np.float32))


def analyse_clip(wav: np.ndarray, settings: WorldAnalysisSettings) -> AnalysedClip:
    """Everything that `World.quantise` needs of wav float32 [samples] at 16 kHz.

    Raises:
        ClipError: see `analyse`.
    """
    return AnalysedClip(analyse(wav, settings), ge2e_vector(wav))


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    again = "Run the rule that fits the codec again: `snakemake --cores 1 " + str(path) + "`."
    if not path.is_file():
        raise MissingDataError("The fitted codec is missing.", looked_at=path, hint=again)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise DubberError(f"A codec file cannot be read: {error}", looked_at=path, hint=again) from error
    if metadata.get("format") != FORMAT:
        raise DubberError("A file is not a fitted WORLD codec of this version.", looked_at=path, hint=again)
    return tensors, metadata
