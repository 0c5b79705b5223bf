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

from dubber.align.phones import Alignment, Interval
from dubber.align.settings import MfaSettings
from dubber.align.textgrid import Tier, read_textgrid
from dubber.errors import ClipError, DubberError, MissingDataError
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
    """Align utterances with one call of `mfa`; the path where each clip's TextGrid is, if MFA could make it.

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
    return {clip: folder / "textgrids" / place.with_suffix(".TextGrid") for clip, place in places.items()}


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


def read_alignment(textgrid: Path) -> Alignment:
    """Phones (stress taken off, every silence `sil`, unknown words `spn`) and words of MFA's TextGrid.

    Raises:
        ClipError: the file is missing or malformed, lacks a tier, or holds phones that are not ARPAbet.
    """
    if not textgrid.exists():
        raise ClipError(
            "MFA made no TextGrid: it could not align the clip.",
            looked_at=textgrid,
            hint="Compare the text with what is said, or raise `mfa.retry_beam`.",
        )
    try:
        tiers = read_textgrid(textgrid)
    except DubberError as error:
        raise ClipError(error.what, looked_at=error.looked_at, hint=error.hint) from error
    phones = tuple(
        Interval(_symbol(phone.label, textgrid), phone.start, phone.end) for phone in _tier(tiers, "phones", textgrid)
    )
    words = tuple(word for word in _tier(tiers, "words", textgrid) if word.label not in _SILENCES)
    return Alignment(phones, words)


def _symbol(label: str, textgrid: Path) -> str:
    if label in _SILENCES:
        return SILENCE
    (phone,) = strip_stress((label,))
    if phone not in SYMBOLS:
        raise ClipError(
            f"MFA's phone {label!r} is not ARPAbet.",
            looked_at=textgrid,
            hint="Use a dictionary and an acoustic model with ARPAbet phones, such as english_us_arpa.",
        )
    return phone


def _tier(tiers: Sequence[Tier], name: str, textgrid: Path) -> tuple[Interval, ...]:
    """The tier called `name`, or `<speaker> - <name>`."""
    for tier in tiers:
        if tier.name == name or tier.name.endswith(f" - {name}"):
            return tier.intervals
    raise ClipError(f"A TextGrid has no tier {name!r}.", looked_at=textgrid)


def _run(folder: Path, settings: MfaSettings, jobs: int) -> None:
    command = [settings.command, "align", str(folder / "corpus"), settings.dictionary, settings.acoustic_model]
    command += [str(folder / "textgrids"), "--temporary_directory", str(folder / "temporary")]
    command += ["--num_jobs", str(jobs), "--beam", str(settings.beam), "--retry_beam", str(settings.retry_beam)]
    command += ["--clean", "--no_textgrid_cleanup", "--output_format", "long_textgrid"]
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
