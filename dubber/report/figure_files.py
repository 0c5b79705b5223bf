"""The report's figures as files for a paper: vector and PNG."""

from __future__ import annotations

from pathlib import Path

from dubber.artifacts import read_rows
from dubber.media.audio import from_pcm
from dubber.report.attention_maps import draw_attention, read_attention
from dubber.report.examples import choose_examples
from dubber.report.figures import save
from dubber.report.html import MANIFEST_COLUMNS, ReportInputs, run_folder
from dubber.report.loss_curves import draw_losses, read_losses
from dubber.report.settings import ReportSettings
from dubber.report.spectrograms import draw_spectrograms


def write_figures(inputs: ReportInputs, settings: ReportSettings, folder: Path | str) -> list[Path]:
    """Write `losses_<run>`, `attention_<clip>` and `spectrograms_<clip>` as SVG, PDF and PNG; return their paths.

    Raises:
        DubberError: an input is missing or unreadable.
    """
    folder, written = Path(folder), []
    for name, summary in inputs.runs.items():
        losses = read_losses(run_folder(summary) / "metrics.jsonl")
        written += save(draw_losses(losses, smoothing=settings.smoothing), folder / f"losses_{name}")
    for maps, _ in zip(read_attention(inputs.attention), range(settings.attention_maps), strict=False):
        written += save(draw_attention(maps), folder / f"attention_{_file_name(maps.clip)}")
    rows = read_rows(inputs.manifest, MANIFEST_COLUMNS)
    for example in choose_examples(rows, inputs.dubs, media_root=inputs.media_root, count=settings.spectrograms):
        audio = {version.label: from_pcm(version.samples) for version in example.versions}
        written += save(draw_spectrograms(audio), folder / f"spectrograms_{_file_name(example.clip)}")
    return written


def _file_name(clip: str) -> str:
    """A clip's name may hold its speaker's folder."""
    return clip.replace("/", "_")
