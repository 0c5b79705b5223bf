"""Train, validation and test: by the corpus, by a published list, or by a stable hash of the clips' names."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from dubber.corpus.clip import Clip
from dubber.corpus.settings import LimitSettings, SplitSettings
from dubber.errors import DubberError
from dubber.files import MAX_LIST_BYTES, read_limited

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")


def rank(name: str, seed: int) -> bytes:
    """The place of a clip in an order that depends on nothing but its name and the seed."""
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()


def choose_splits(clips: list[Clip], before: Mapping[str, str], settings: SplitSettings) -> dict[str, str]:
    """Clip name -> train, val or test. What the corpus fixes, or an earlier manifest, stays.

    Of each speaker's clips the first in hashed order are held out: `test_per_speaker` for the test, then
    `val_per_speaker` for validation, together never more than `max_held_out_share` of the speaker's clips. A published
    list says which clips are the test, whatever else is known of them; validation is then taken from the rest. Another
    clip of the same utterance goes where that one goes.

    Args:
        before: what an earlier manifest decided under the same settings.

    Raises:
        DubberError: a published test list cannot be read, or names no clip of the corpus.
    """
    chosen = dict(before) | {clip.clip: clip.split for clip in clips if clip.split}
    test_per_speaker = settings.test_per_speaker
    if settings.test_list:
        listed = read_test_list(Path(settings.test_list), clips)
        chosen = {name: split for name, split in chosen.items() if split != "test"} | dict.fromkeys(listed, "test")
        test_per_speaker = 0
    speakers: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        if not clip.same_as:
            speakers[clip.speaker].append(clip.clip)
    for names in speakers.values():
        places = _places(len(names), test_per_speaker, settings)
        _fill({name: chosen.get(name) for name in names}, places, settings.seed, chosen)
    return {clip.clip: chosen[clip.same_as or clip.clip] for clip in clips}


def _places(count: int, test_per_speaker: int, settings: SplitSettings) -> dict[str, int]:
    """How many clips of a speaker with `count` clips are held out; of two or more, one is for validation if any is."""
    allowed = int(settings.max_held_out_share * count)
    reserved = min(settings.val_per_speaker, 1) if allowed > 1 else 0
    test = min(test_per_speaker, allowed - reserved)
    return {"test": test, "val": min(settings.val_per_speaker, allowed - test)}


def _fill(speaker: Mapping[str, str | None], places: Mapping[str, int], seed: int, chosen: dict[str, str]) -> None:
    taken = list(speaker.values())
    free = [split for split, wanted in places.items() for _ in range(wanted - taken.count(split))]
    undecided = sorted((name for name, split in speaker.items() if split is None), key=lambda name: rank(name, seed))
    for i, name in enumerate(undecided):
        chosen[name] = free[i] if i < len(free) else "train"


def read_test_list(path: Path, clips: list[Clip]) -> set[str]:
    """The clips that a published list holds out, one a line, however it spells them.

    A name without a speaker means that clip of every speaker who has it.

    Raises:
        DubberError: the file cannot be read, or not one of its lines is a clip of this corpus.
    """
    spelled: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        for spelling in _spellings(clip):
            spelled[spelling].add(clip.clip)
    try:
        text = read_limited(path, "The list of test clips", MAX_LIST_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DubberError(f"The list of test clips cannot be read: {error}", looked_at=path) from None
    lines = [name for line in text.splitlines() if (name := line.partition("|")[0].strip())]
    unknown = [line for line in lines if line not in spelled]
    if len(unknown) == len(lines):
        raise DubberError(
            "The list of test clips names no clip of this corpus.",
            looked_at=f"{path}, first line {lines[0]!r}" if lines else path,
            hint="One clip a line: bbaf2n, s1/bbaf2n, s1_bbaf2n or s1/s1-bbaf2n.",
        )
    if unknown:
        log.warning(
            "%s: %d of %d test clips are not in the corpus, first %s", path, len(unknown), len(lines), unknown[0]
        )
    return set().union(*(spelled[line] for line in lines if line in spelled))


def _spellings(clip: Clip) -> set[str]:
    name = clip.clip.removeprefix(f"{clip.speaker}_")
    joined = {f"{clip.speaker}{mark}{name}" for mark in "_-/"}
    return {clip.clip, name} | joined | {f"{clip.speaker}/{clip.speaker}{mark}{name}" for mark in "_-"}


def limited(clips: list[Clip], splits: Mapping[str, str], limit: LimitSettings, before: Collection[str]) -> list[Clip]:
    """At most `limit` clips of each split: those that were kept before, then the first in hashed order."""
    kept: set[str] = set()
    for split in SPLITS:
        names = [clip.clip for clip in clips if splits[clip.clip] == split]
        kept |= set(sorted(names, key=lambda name: (name not in before, rank(name, 0)))[: getattr(limit, split)])
    return [clip for clip in clips if clip.clip in kept]
