"""The reference aligner: the Montreal Forced Aligner, called as a command that lives in its own environment."""

from __future__ import annotations

import logging
import re
import subprocess
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, FiniteFloat, ValidationError

from dubber.align.phones import Alignment, Interval
from dubber.align.settings import MfaSettings
from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.files import read_limited
from dubber.text.alphabet import SILENCE, SYMBOLS, strip_stress
from dubber.text.normalise import normalise
from dubber.units import SAMPLE_RATE

log = logging.getLogger(__name__)

_SILENCES = frozenset(("", "sil", "sp", "<eps>"))
_UNSAFE = re.compile(r"[^\w-]")


@dataclass(frozen=True)
class Utterance:
    """What MFA is given of a clip: `samples` int16 [samples] at 16 kHz, the speaker to adapt to, and the text."""

    clip: str
    speaker: str
    samples: np.ndarray
    text: str


def align_corpus(
    utterances: Sequence[Utterance], folder: Path, settings: MfaSettings, jobs: int | None = None
) -> dict[str, Path]:
    """Align utterances with one call of `mfa`; the path of each clip's times, if MFA could align it.

    Utterances without a word or a sample are left out.

    Args:
        folder: an empty folder for corpus, output and MFA's own files.
        jobs: processes; `settings.jobs` where None.

    Raises:
        MissingDataError: the command is not there.
        DubberError: the command failed.
    """
    places = write_corpus(utterances, folder / "corpus")
    if places:
        _run(folder, settings, jobs or settings.jobs)
    return {clip: folder / "aligned" / place.with_suffix(".json") for clip, place in places.items()}


def write_corpus(utterances: Iterable[Utterance], folder: Path) -> dict[str, Path]:
    """Write `<speaker>/<clip>.wav` and `.lab` under `folder`; the path of each clip's `.wav` relative to it.

    Names are numbered, so that any clip name gives a valid file and no two collide.
    """
    places: dict[str, Path] = {}
    speakers: dict[str, str] = {}
    for number, utterance in enumerate(utterances):
        words = normalise(utterance.text)
        if not words or len(utterance.samples) == 0:
            continue
        speaker = speakers.setdefault(utterance.speaker, _name(len(speakers), utterance.speaker))
        place = Path(speaker) / f"{_name(number, utterance.clip)}.wav"
        (folder / speaker).mkdir(parents=True, exist_ok=True)
        _write_wav(folder / place, utterance.samples)
        (folder / place).with_suffix(".lab").write_text(words, encoding="utf-8")
        places[utterance.clip] = place
    return places


class _Tier(BaseModel):
    """A tier of MFA's JSON: entries of start (s), end (s) and label."""

    entries: list[tuple[FiniteFloat, FiniteFloat, str]]


class _Times(BaseModel):
    """MFA's JSON output of one recording."""

    tiers: dict[str, _Tier]

    def intervals(self, name: str) -> tuple[Interval, ...]:
        """The tier called `name`, or `<speaker> - <name>`."""
        tier = next(tier for key, tier in self.tiers.items() if key == name or key.endswith(f" - {name}"))
        return tuple(Interval(label, start, end) for start, end, label in tier.entries)


def read_alignment(path: Path) -> Alignment:
    """Phones and words of MFA's JSON output.

    Raises:
        ClipError: the file is missing or malformed, lacks a tier, or holds phones that are not ARPAbet.
    """
    if not path.exists():
        raise ClipError(
            "MFA could not align the clip.",
            looked_at=path,
            hint="Compare the text with what is said, or raise `mfa.retry_beam`.",
        )
    try:
        times = _Times.model_validate_json(read_limited(path, "An alignment"))
        return arpabet_alignment(times.intervals("phones"), times.intervals("words"))
    except StopIteration:
        raise ClipError("MFA's output lacks the tier `phones` or `words`.", looked_at=path) from None
    except ValidationError as error:
        raise ClipError(f"MFA's output is malformed: {error.errors()[0]['msg']}.", looked_at=path) from error
    except DubberError as error:
        raise ClipError(error.what, looked_at=path, hint=error.hint) from error


def arpabet_alignment(phones: Iterable[Interval], words: Iterable[Interval]) -> Alignment:
    """MFA's phones in our alphabet: stress taken off, every silence `sil`, unknown words `spn`.

    Raises:
        DubberError: a phone is not ARPAbet.
    """
    return Alignment(
        tuple(Interval(_symbol(phone.label), phone.start, phone.end) for phone in phones),
        tuple(word for word in words if word.label not in _SILENCES),
    )


def _symbol(label: str) -> str:
    if label in _SILENCES:
        return SILENCE
    (phone,) = strip_stress((label,))
    if phone not in SYMBOLS:
        raise DubberError(
            f"MFA's phone {label!r} is not ARPAbet.",
            hint="Use a dictionary and an acoustic model with ARPAbet phones, such as english_us_arpa.",
        )
    return phone


def _run(folder: Path, settings: MfaSettings, jobs: int) -> None:
    command = [settings.command, "align", str(folder / "corpus"), settings.dictionary, settings.acoustic_model]
    command += [str(folder / "aligned"), "--temporary_directory", str(folder / "temporary")]
    command += ["--num_jobs", str(jobs), "--beam", str(settings.beam), "--retry_beam", str(settings.retry_beam)]
    command += ["--clean", "--no_textgrid_cleanup", "--output_format", "json"]
    log.info("running %s", " ".join(command))
    try:
        subprocess.run(command, check=True)
    except (FileNotFoundError, PermissionError) as error:
        raise MissingDataError(
            "The Montreal Forced Aligner's command cannot be run.",
            looked_at=settings.command,
            hint="Let Snakemake make its environment (envs/mfa.yaml): snakemake --software-deployment-method conda "
            "...; or choose the embedded aligner, `pocketsphinx`.",
        ) from error
    except subprocess.CalledProcessError as error:
        raise DubberError(
            f"The Montreal Forced Aligner failed (exit code {error.returncode}); see its messages above.",
            looked_at=" ".join(command),
            hint=f"Are the models there? mfa model download dictionary {settings.dictionary}; "
            f"mfa model download acoustic {settings.acoustic_model}",
        ) from error


def _name(number: int, name: str) -> str:
    return f"{number:05d}_{_UNSAFE.sub('_', name)}"


def _write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.ascontiguousarray(samples, dtype="<i2").tobytes())
