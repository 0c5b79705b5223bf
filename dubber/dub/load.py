"""`dubber.load`: from a folder to something that dubs videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dubber.dub.bundle import Bundle, open_bundle
from dubber.dub.settings import FAST, PAPERS, SynthesisSettings
from dubber.dub.video import VideoDubber
from dubber.errors import ConfigError
from dubber.settings import first_wrong
from dubber.text.phonemes import Names


def load(run: Path | str, *, device: str = "auto", names: Names | None = None, **sampling: Any) -> VideoDubber:
    """Load a trained student with all that it is fed through.

    Args:
        run: an exported folder (`dubber export`), or `runs/<experiment>/<run>` of a project.
        device: "auto", "cpu", "cuda" or "cuda:<n>".
        names: words with the phones that they have in the texts: see `dubber.text.phonemes.read_names`.
        sampling: settings in place of the experiment's own: sampler, nfe, temperature, drafts, seed, precision, see
            `SynthesisSettings`. Without a sampler, the paper's slow one gives way to `dubber.dub.settings.FAST`.

    Raises:
        MissingDataError: there is no model, or a part of it is missing.
        ConfigError: there is no such device or sampler, or a number is out of range.
        DubberError: a file is damaged, or the parts do not fit.
    """
    bundle = open_bundle(run)
    return VideoDubber(bundle, device, sampling_of(bundle, sampling), names)


def sampling_of(bundle: Bundle, changes: Mapping[str, Any]) -> SynthesisSettings:
    """How a bundle speaks a single dub, with `changes` to its own settings.

    Raises:
        ConfigError: a setting is unknown, or its value is out of range.
    """
    own = "sampler" in changes or bundle.synthesis.sampler != PAPERS
    settings = bundle.synthesis if own else FAST
    try:
        return settings.changed(changes)
    except ValidationError as error:
        raise ConfigError(f"Invalid sampling option: {first_wrong(error)}.") from None
