"""The corpus readers by name."""

from __future__ import annotations

from dubber.corpus.chem import Chem
from dubber.corpus.clip import Reader
from dubber.corpus.demo.clips import Demo
from dubber.corpus.grid import Grid
from dubber.corpus.libritts import LibriTTS
from dubber.corpus.table import Table


def reader(name: str) -> Reader:
    """The reader of that name; a new corpus layout is a new module and a line here."""
    readers: dict[str, Reader] = {
        "chem": Chem(),
        "demo": Demo(),
        "grid": Grid(),
        "libritts": LibriTTS(),
        "table": Table(),
    }
    return readers[name]
