"""How every figure looks and is stored: colours that the colour-blind tell apart, lines that survive a grey printer."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from dubber.files import atomic_path

# Okabe and Ito's palette without its yellow, which print loses.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK = "#222222"
FORMATS = ("svg", "pdf", "png")

STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": False,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "savefig.dpi": 200,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.08,
    "svg.fonttype": "none",
    "svg.hashsalt": "dubber",
    "pdf.fonttype": 42,
}


@contextmanager
def style() -> Iterator[None]:
    """Everything drawn inside has the house style."""
    with plt.rc_context(STYLE):  # type: ignore[arg-type]  # matplotlib types the keys as literals
        yield


def save(figure: Figure, stem: Path | str) -> list[Path]:
    """Write `<stem>.svg`, `.pdf` and `.png`, free the figure, return the three paths."""
    paths = [Path(f"{stem}.{extension}") for extension in FORMATS]
    with style():
        for path in paths:
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=path.suffix[1:], metadata=_undated(path.suffix[1:]))
    plt.close(figure)
    return paths


def data_uri(figure: Figure, kind: str = "png", dpi: int = 130) -> str:
    """The figure as a `data:` address for a self-contained page; frees the figure."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_undated(kind))
    plt.close(figure)
    mime = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _undated(kind: str) -> dict[str, None]:
    """Metadata without the time of day, so that the same figure is the same file."""
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
