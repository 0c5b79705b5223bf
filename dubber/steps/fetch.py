"""Rule `fetch`: a group of assets, downloaded; archives are unpacked under the data root."""

from __future__ import annotations

from pathlib import Path

from dubber import assets
from dubber.fetch import fetch_all
from dubber.runner import Wildcard

DOWNLOADS = Path("downloads")


def fetch(group: Wildcard, data_root: Path) -> None:
    """Fetch every asset of the group.

    Args:
        group: its name in `config/assets.csv`.
        data_root: the folder of the corpora.
    """
    fetch_all(assets.group(group), DOWNLOADS, data_root)
