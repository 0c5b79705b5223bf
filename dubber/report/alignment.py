"""How well a student's alignment of video and text agrees with the forced aligner's: a table of two rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dubber.artifacts import failures_path, read_rows
from dubber.errors import DubberError
from dubber.metrics.boundary_error import BoundaryError, boundary_error, evenly_spread
from dubber.report.bootstrap import interval
from dubber.report.settings import BootstrapSettings

EVEN = "evenly_spread"
COLUMNS = {"ms": "error_ms", "within_1": "within_40ms", "within_2": "within_80ms"}
COLUMNS_READ = ("clip", "phonemes", "frame_durations")


def alignment_table(
    dubs: Sequence[Path | str],
    durations: Sequence[Path | str],
    *,
    system: str,
    fingerprint: str,
    bootstrap: BootstrapSettings,
) -> pd.DataFrame:
    """The mean boundary error of `system` and, below it, that of phonemes spread evenly.

    Columns: system | fingerprint | n_ok and n_failed, clips | for each of error_ms, within_40ms and within_80ms (shares
    of boundaries, 0..1) the mean over clips and its interval, <column>_low and <column>_high. A clip is failed that was
    not dubbed or not aligned.

    Args:
        dubs: the system's speech for all test shards. durations: the aligner's durations of the same shards.
        fingerprint: of the run that made the dubs.

    Raises:
        DubberError: dub and alignment of a clip do not belong together, or no clip has both.
    """
    aligned = {row["clip"]: row for row in _read(durations)}
    dubbed = {row["clip"]: row for row in _read(dubs)}
    lost = {row["clip"] for path in dubs for row in _failures(path)}
    clips = sorted(clip for clip in dubbed if clip in aligned)
    if not clips:
        raise DubberError(
            "No test clip was both dubbed and aligned, so there is no boundary error.",
            looked_at=", ".join(map(str, [*dubs, *durations])),
            hint="The failures files beside these shards hold the reasons.",
        )
    ours = [_error(dubbed[clip], aligned[clip]) for clip in clips]
    even = [_even(aligned[clip]) for clip in clips]
    counts = {"n_ok": len(clips), "n_failed": len((lost | set(dubbed)) - set(clips))}
    return pd.DataFrame(
        [
            {"system": system, "fingerprint": fingerprint, **counts, **_means(ours, bootstrap)},
            {"system": EVEN, "fingerprint": "", **counts, **_means(even, bootstrap)},
        ]
    )


def _read(paths: Sequence[Path | str]) -> Iterable[dict]:
    return (row for path in paths for row in read_rows(path, COLUMNS_READ))


def _failures(dubs: Path | str) -> Iterable[dict]:
    path = failures_path(dubs)
    return read_rows(path, ["clip"]) if path.exists() else ()


def _error(dubbed: dict, aligned: dict) -> BoundaryError:
    if not _pair(dubbed, aligned):
        raise DubberError(
            f"The dub and the alignment of clip {dubbed['clip']} are not of the same phonemes and frames.",
            looked_at="`phonemes` and `frame_durations` of both",
            hint="Both must be made from the same manifest and crops: run their Snakemake targets again.",
        )
    return boundary_error(found=dubbed["frame_durations"], aligned=aligned["frame_durations"])


def _pair(dubbed: dict, aligned: dict) -> bool:
    durations = dubbed["frame_durations"], aligned["frame_durations"]
    if any(found is None for found in durations):
        return False
    return np.array_equal(dubbed["phonemes"], aligned["phonemes"]) and durations[0].sum() == durations[1].sum()


def _even(aligned: dict) -> BoundaryError:
    durations = aligned["frame_durations"]
    return boundary_error(found=evenly_spread(durations), aligned=durations)


def _means(errors: Sequence[BoundaryError], bootstrap: BootstrapSettings) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, column in COLUMNS.items():
        values = np.array([getattr(error, name) for error in errors])
        found = interval(values, np.ones(len(values)), bootstrap)
        row |= {column: found.mean, f"{column}_low": found.low, f"{column}_high": found.high}
    return row


def in_words(path: Path | str, level: float) -> str:
    """The table as two sentences for the report; `level` is the intervals' coverage."""
    ours, even = pd.read_csv(path).to_dict("records")
    return (
        f"The phone boundaries that the model finds on the video are {_ms(ours)} ms from the forced aligner's in the "
        f"mean ({level:.0%} interval; {_clips(ours)}); {_within(ours)}. Phonemes spread evenly over the aligner's "
        f"stretch of speech would be {_ms(even)} ms off; {_within(even)}."
    )


def _ms(row: dict) -> str:
    return f"{row['error_ms']:.0f} ({row['error_ms_low']:.0f} – {row['error_ms_high']:.0f})"


def _within(row: dict) -> str:
    one, two = (f"{row[f'within_{ms}ms']:.0%}" for ms in (40, 80))
    return f"{one} of them are within one video frame (40 ms), {two} within two"


def _clips(row: dict) -> str:
    failed = f", {row['n_failed']} failed" if row["n_failed"] else ""
    return f"{row['n_ok']} clips{failed}"
