"""The table's columns: their order, how they are printed, which way is better, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One metric of the table.

    Attributes:
        name: the name in the scores artifact and in the CSV.
        unit: printed beside the name; "" for a plain number.
        better: the direction of a better system.
        digits: decimals shown.
        meaning: one sentence for the report.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    digits: int
    meaning: str


COLUMNS = (
    Column("LSE-C", "", "higher", 2, "Lip-sync confidence: median minus minimum of the mean distance curve."),
    Column("LSE-D", "", "lower", 2, "Lip-sync distance: minimum of the mean audio-to-video distance curve."),
    Column("AVSync", "", "higher", 3, "Cosine of AV-HuBERT's features with real and with synthetic audio."),
    Column("AVSync-emb", "", "higher", 3, "As AVSync, by small encoders fitted here. Not comparable with AVSync."),
    Column("WER", "%", "lower", 1, "Word errors over words of the whole test set; a failed clip loses all its words."),
    Column("WER_utterance", "%", "lower", 1, "Mean of the single clips' word error rates, same transcripts."),
    Column("WER-base", "%", "lower", 1, "As WER, by Whisper base: any words, without a grammar."),
    Column("WER-base_utterance", "%", "lower", 1, "Mean of the single clips' word error rates, same transcripts."),
    Column("SECS", "", "higher", 1, "100 x cosine of the speaker vectors of output and reference speech."),
    Column("SECS-resemblyzer", "", "higher", 1, "As SECS, by resemblyzer's GE2E vectors."),
    Column("UTMOS", "", "higher", 2, "Predicted naturalness, 1 to 5 (UTMOS22 strong)."),
    Column("DNSMOS", "", "higher", 2, "Predicted overall quality, 1 to 5 (DNSMOS P.835). Not comparable with UTMOS."),
    Column("DistillMOS", "", "higher", 2, "Predicted naturalness, 1 to 5 (DistillMOS). Not comparable with UTMOS."),
    Column("GPE", "", "lower", 3, "Share of frames voiced in output and recording whose F0 differs by over 20 %."),
    Column("VDE", "", "lower", 3, "Share of all frames that are voiced in only one of output and recording."),
    Column("FFE", "", "lower", 3, "Share of all frames with a gross pitch error or a voicing error."),
    Column("Emo-SIM", "", "higher", 3, "Cosine of emotion vectors of output and recording."),
    Column("parameters", "", "lower", 0, "Scalars of the model."),
    Column("RTF", "", "lower", 3, "Seconds of synthesis per second of audio, video preprocessing excluded."),
)  # fmt: skip
BY_NAME = {column.name: column for column in COLUMNS}


def ordered(names: set[str]) -> list[str]:
    """Known columns in the table's order, then unknown ones by name."""
    known = [column.name for column in COLUMNS if column.name in names]
    return known + sorted(names - set(known))


def column(name: str) -> Column:
    """The column `name`; an unknown one is shown plainly."""
    return BY_NAME.get(name, Column(name, "", "higher", 3, ""))
