"""Rule `alignment`: how far a system's phone boundaries are from the forced aligner's."""

from __future__ import annotations

from dubber.report.alignment import alignment_table
from dubber.report.settings import BootstrapSettings
from dubber.report.tables import run_fingerprint, write_csv
from dubber.runner import Input, Inputs, Output


def alignment(
    dubs: Inputs, durations: Inputs, summary: Input, system: str, settings: BootstrapSettings, artifact: Output
) -> None:
    """Write the boundary error of the system, and that of phonemes spread evenly.

    Args:
        dubs: the system's speech.
        durations: the aligner's, of the same shards.
        summary: of the run that dubbed.
        system: its name.
        settings: of the bootstrap.
        artifact: the CSV file to write.
    """
    fingerprint = run_fingerprint(summary)
    table = alignment_table(dubs, durations, system=system, fingerprint=fingerprint, bootstrap=settings)
    write_csv(table, artifact)
