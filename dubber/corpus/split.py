"""Train, validation and test: by the corpus, by a published list, or by a stable hash of the clips' names."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from dubber.corpus.reader import Clip
from dubber.corpus.settings import LimitSettings, SplitSettings
from dubber.errors import DubberError

LISTED = re.compile(r"(?:(?P<folder>[^/]+)/)?(?:(?P<prefix>s\d+)[-_])?(?P<name>[^/]+)")


def rank(name: str, seed: int) -> bytes:
    """The place of a clip in an order that depends on nothing but its name and the seed."""
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()


def choose_splits(clips: list[Clip], before: Mapping[str, str], settings: SplitSettings) -> dict[str, str]:
    """Clip name -> train, val or test. What the corpus fixes, or an earlier manifest, stays.

    Of each speaker's clips the first in hashed order are held out: `test_per_speaker` for the test, then
    `val_per_speaker` for validation, together never more than `max_held_out_share` of the speaker's clips.

    Raises:
        DubberError: a published test list cannot be read, or names no clip of the corpus.
    """
    chosen = {clip.clip: clip.split for clip in clips if clip.split}
    chosen |= {clip.clip: before[clip.clip] for clip in clips if clip.clip in before and not clip.split}
    if settings.test_list:
        held_out = read_test_list(Path(settings.test_list), clips)
        chosen = {clip.clip: "test" if clip.clip in held_out else "train" for clip in clips}
    speakers: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        speakers[clip.speaker].append(clip.clip)
    for names in speakers.values():
        _choose_for_speaker(names, chosen, settings)
    return chosen


def _choose_for_speaker(names: list[str], chosen: dict[str, str], settings: SplitSettings) -> None:
    allowed = int(settings.max_held_out_share * len(names))
    test = min(settings.test_per_speaker, max(allowed - 1, min(allowed, 1)))
    val = min(settings.val_per_speaker, allowed - test)
    have = [chosen[name] for name in names if name in chosen]
    open_places = {"test": test - have.count("test"), "val": val - have.count("val")}
    for name in sorted((name for name in names if name not in chosen), key=lambda name: rank(name, settings.seed)):
        split = next((split for split, places in open_places.items() if places > 0), "train")
        if split != "train":
            open_places[split] -= 1
        chosen[name] = split


def read_test_list(path: Path, clips: list[Clip]) -> set[str]:
    """The clips that a published list holds out, whatever way it spells them.

    Raises:
        DubberError: the file is missing, or not one of its lines is a clip of this corpus.
    """
    known = {(clip.speaker, clip.clip.removeprefix(f"{clip.speaker}_")): clip.clip for clip in clips}
    by_name = {name: clip for (_, name), clip in known.items()}
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise DubberError(f"The list of test clips cannot be read: {error}", looked_at=path) from None
    found = set()
    for line in lines:
        match = LISTED.fullmatch(line.partition("|")[0])
        if match is None:
            continue
        speaker = match["prefix"] or match["folder"]
        clip = known.get((speaker, match["name"])) if speaker else by_name.get(match["name"])
        found |= {clip} if clip else set()
    if not found:
        raise DubberError(
            "The list of test clips names no clip of this corpus.",
            looked_at=f"{path}, first line {lines[0]!r}" if lines else path,
            hint="One clip a line: bbaf2n, s1/bbaf2n, s1_bbaf2n or s1/s1-bbaf2n.",
        )
    return found


def limited(clips: list[Clip], splits: Mapping[str, str], limit: LimitSettings) -> list[Clip]:
    """At most `limit` clips of each split, the first in hashed order."""
    kept: set[str] = set()
    for split in ("train", "val", "test"):
        names = sorted((clip.clip for clip in clips if splits[clip.clip] == split), key=lambda name: rank(name, 0))
        kept |= set(names[: getattr(limit, split)])
    return [clip for clip in clips if clip.clip in kept]
