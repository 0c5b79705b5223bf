"""`dubber.load`: from a folder to something that dubs videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dubber.dub.bundle import Bundle, open_bundle
from dubber.dub.settings import FAST, PAPERS, SynthesisSettings
from dubber.dub.video import VideoDubber
from dubber.errors import ConfigError
from dubber.settings import first_wrong


def load(
    run: Path | str,
    *,
    device: str = "auto",
    sampler: str | None = None,
    nfe: int | None = None,
    temperature: float | None = None,
    drafts: int | None = None,
    seed: int | None = None,
    precision: str | None = None,
    configfiles: Sequence[Path | str] = (),
) -> VideoDubber:
    """Load a trained student with all that it is fed through.

    Args:
        run: an exported folder (`dubber export`), or `runs/<experiment>/<run>` of a project.
        device: "auto", "cpu", "cuda" or "cuda:<n>".
        sampler: None for the experiment's own way, or for `dubber.dub.settings.FAST` where that is the paper's, which
            is slow; a name samples as the experiment does otherwise.
        nfe, temperature, drafts, seed, precision: in place of that way's own, see `SynthesisSettings`.
        configfiles: of a run: what was given to Snakemake as `--configfile`.

    Raises:
        MissingDataError: there is no model, or a part of it is not there.
        ConfigError: there is no such sampler, or a number is out of range.
        DubberError: a file is damaged, or the parts do not fit.
    """
    bundle = open_bundle(run, configfiles)
    asked = {
        **{"sampler": sampler, "nfe": nfe, "temperature": temperature, "drafts": drafts},
        **{"seed": seed, "precision": precision},
    }
    return VideoDubber(bundle, device, sampling_of(bundle, {name: v for name, v in asked.items() if v is not None}))


def sampling_of(bundle: Bundle, asked: Mapping[str, Any]) -> SynthesisSettings:
    """How a bundle speaks a single dub, with what is asked for in place of its own.

    Raises:
        ConfigError: there is no such sampler, or a number is out of range.
    """
    try:
        own = "sampler" in asked or bundle.synthesis.sampler != PAPERS
        way = bundle.synthesis if own else FAST
        return SynthesisSettings.model_validate({**way.model_dump(), **asked})
    except ValidationError as error:
        raise ConfigError(f"The sampling cannot be so: {first_wrong(error)}.") from None
