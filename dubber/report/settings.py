"""What the table and the report show, and how sure they say they are."""

from __future__ import annotations

from pydantic import Field

from dubber.settings import Settings


class BootstrapSettings(Settings):
    """Intervals by resampling test clips (of a listening test: listeners and clips) with replacement."""

    samples: int = Field(default=2000, ge=100, description="how often the test clips are resampled")
    level: float = Field(default=0.95, gt=0, lt=1, description="coverage of the interval")
    seed: int = Field(default=0, ge=0, description="seed of the resampling; the same for every number")


class ReportSettings(Settings):
    """The table's intervals and the report's examples."""

    bootstrap: BootstrapSettings = Field(default=BootstrapSettings(), description="intervals of every mean")
    players: int = Field(default=4, ge=0, description="test clips shown as videos that can be played")
    spectrograms: int = Field(default=2, ge=0, description="test clips shown as mel-spectrograms of every system")
    attention_maps: int = Field(default=2, ge=0, description="test clips whose two attention maps are shown")
    smoothing: float = Field(
        default=0.8, ge=0, lt=1, description="exponential smoothing of the training losses in the curves; 0: none"
    )
