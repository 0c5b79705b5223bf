"""Where a student loses words: its durations, its content codes or its prosody and acoustic codes.

    python -m benchmarks.student_words --experiment grid_mini --drafts 4

Run it where the workflow has run, from the repository's root. It speaks the validation clips with stage 1 and with a
student, each at its own durations and at the aligner's, stage 1 also at the student's, and the student also with stage
1's content codes; then it prints the table of docs/notebook/grid_mini.md ("Words"). Every clip's reference is itself.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.sampler_quality import METRICS, all_rows, shard_rows
from dubber.codec.world.codec import World
from dubber.corpus.manifest import load_manifest
from dubber.dub.settings import SynthesisSettings
from dubber.dub.synthesise import Synthesiser
from dubber.dub.text_synthesiser import TextSynthesiser, stretched
from dubber.media.audio import from_pcm
from dubber.metrics.base import Sample
from dubber.metrics.naturalness import Dnsmos
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.secs import Secs
from dubber.metrics.wer import Wer
from dubber.model import synchronizer
from dubber.model.batch import pad
from dubber.steps.speech import clip_request

BATCH = 8  # clips
CONTENT = slice(1, 3)  # the content streams of the six

Codes = dict[str, np.ndarray]  # clip -> int64 [drafts, 6, T]
Durations = Callable[[str], np.ndarray]  # clip -> int64 [N]


@dataclass(frozen=True)
class Speakers:
    """Both models on the same clips.

    Attributes:
        rows, features, tokens, durations, audio: the workflow's rows by clip.
        drafts: of each clip.
    """

    student: Synthesiser
    teacher: TextSynthesiser
    rows: Mapping[str, Mapping[str, Any]]
    features: Mapping[str, Mapping[str, Any]]
    tokens: Mapping[str, Mapping[str, Any]]
    durations: Mapping[str, Mapping[str, Any]]
    audio: Mapping[str, Mapping[str, Any]]
    drafts: int

    @property
    def clips(self) -> list[str]:
        """Those that every step has."""
        steps = (self.features, self.tokens, self.durations, self.audio)
        return sorted(clip for clip in self.rows if all(clip in step for step in steps))

    def _batches(self) -> Iterator[list[str]]:
        for first in range(0, len(self.clips), BATCH):
            yield self.clips[first : first + BATCH]

    def _repeated(self, batch: Sequence[str], each: Callable[[str], Any]) -> list[Any]:
        return [each(clip) for clip in batch for _ in range(self.drafts)]

    def aligners(self, clip: str) -> np.ndarray:
        """The aligner's durations in tokens."""
        return np.asarray(self.durations[clip]["token_durations"], np.int64)

    def in_frames(self, clip: str) -> np.ndarray:
        """The aligner's durations in video frames."""
        return stretched(self.aligners(clip).astype(float), self.features[clip]["n_frames"])

    def dub(self, durations: Durations | None = None) -> tuple[Codes, dict[str, np.ndarray]]:
        """The student's codes and its durations in frames; at `durations` (frames) if they are given."""
        codes, found = {}, {}
        for batch in self._batches():
            requests = self._repeated(batch, self._request)
            with self._forced(batch, synchronizer, "search_durations", durations):
                made = self.student.speak(requests)
            for i, clip in zip(itertools.count(0, self.drafts), batch, strict=False):
                codes[clip] = self._cut(made, i)
                found[clip] = made.frame_durations[i, : len(requests[i].phonemes)].numpy()
        return codes, found

    def say(self, durations: Durations | None = None) -> Codes:
        """Stage 1's codes, at its own durations, stretched, or at `durations` (tokens)."""
        codes = {}
        for batch in self._batches():
            requests = self._repeated(batch, self._text_request)
            with self._forced(batch, self.teacher, "_durations", durations):
                made = self.teacher.speak(requests)
            codes |= {clip: self._cut(made, i * self.drafts) for i, clip in enumerate(batch)}
        return codes

    def _forced(
        self, batch: Sequence[str], owner: Any, name: str, durations: Durations | None
    ) -> AbstractContextManager:
        """Inside it, what `owner` calls `name` gives `durations` (if there are any) in place of the model's own."""
        if durations is None:
            return nullcontext()
        given = pad(self._repeated(batch, durations))
        return patch.object(owner, name, lambda *_: given)

    def _request(self, clip: str) -> Any:
        voice = np.asarray(self.tokens[clip]["speaker"], np.float32)
        return clip_request(self.student, self.rows[clip], self.features[clip], voice)

    def _text_request(self, clip: str) -> Any:
        return self.teacher.request(self.rows[clip], self.features[clip]["n_frames"], self.tokens[clip])

    def _cut(self, made: Any, i: int) -> np.ndarray:
        return made.tokens[i : i + self.drafts, :, : int(made.token_mask[i].sum())].numpy()


def judged(codes: Codes, speakers: Speakers, metrics: Sequence[Any]) -> str:
    """The means of the metrics, as cells of a table."""
    found: dict[str, list[tuple[float, float]]] = {}
    for clip, drafts in codes.items():
        truth = from_pcm(speakers.audio[clip]["samples"])
        wav = speakers.student.codec.decode(drafts, np.asarray(speakers.tokens[clip]["speaker"], np.float32))
        sample = Sample(clip, speakers.rows[clip]["text"], np.asarray(wav, np.float32), truth, truth, 1.0)
        for score in itertools.chain.from_iterable(metric.score(sample) for metric in metrics):
            if score.value is not None:
                found.setdefault(score.column, []).append((score.value, score.weight))
    means = {}
    for name in METRICS:
        values, weights = zip(*found[name], strict=True)
        means[name] = np.average(values, weights=weights)
    return " | ".join(f"{means[name]:.2f}" for name in METRICS)


def gather(args: argparse.Namespace) -> Speakers:
    """The models and the clips' rows, from the workflow's artifacts."""
    work, runs = args.root / "work", args.root / "runs" / args.experiment
    codec = World.load(work / "codecs" / f"world_{args.experiment}" / "codec.safetensors")
    settings = SynthesisSettings(sampler="confident", nfe=8, temperature=0.8, drafts=args.drafts)
    rows = [r for r in all_rows(load_manifest(work / args.experiment / "manifest.parquet")) if r["split"] == "val"]
    rows = {row["clip"]: row for row in rows[: args.clips]}

    def stored(step: str) -> dict[str, Mapping[str, Any]]:
        return {row["clip"]: row for row in shard_rows(work / args.experiment / step) if row["clip"] in rows}

    return Speakers(
        Synthesiser(args.model or runs / "full" / "model.safetensors", codec, settings, "cpu"),
        TextSynthesiser(runs / "stage1" / "model.safetensors", codec, settings, "cpu"),
        rows,
        stored(f"features/{args.experiment}"),
        stored(f"tokens/world_{args.experiment}"),
        stored("durations/pocketsphinx"),
        stored("audio"),
        args.drafts,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(), help="folder with the workflow's work/ and runs/")
    parser.add_argument("--experiment", default="grid_mini")
    parser.add_argument("--model", type=Path, help="a student; default: the run `full` of the experiment")
    parser.add_argument("--drafts", type=int, default=4)
    parser.add_argument("--clips", type=int, help="at most so many")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    speakers, metrics = gather(args), [Wer(PocketsphinxRecogniser("grid")), Secs(), Dnsmos()]
    student, lips = speakers.dub()
    at_lips = speakers.say(lambda clip: stretched(lips[clip].astype(float), int(speakers.aligners(clip).sum())))
    mixed = {clip: codes.copy() for clip, codes in student.items()}
    for clip, codes in mixed.items():
        codes[:, CONTENT] = at_lips[clip][:, CONTENT]
    print("| who speaks | whose durations | " + " | ".join(METRICS) + " |\n|---|---|---|---|---|")
    for who, whose, codes in (
        ("stage 1", "its own, stretched", speakers.say()),
        ("stage 1", "the aligner's", speakers.say(speakers.aligners)),
        ("stage 1", "the student's", at_lips),
        ("student", "its own", student),
        ("student", "the aligner's", speakers.dub(speakers.in_frames)[0]),
        ("student with stage 1's content codes", "its own", mixed),
    ):
        print(f"| {who} | {whose} | {judged(codes, speakers, metrics)} |", flush=True)


if __name__ == "__main__":
    main()
