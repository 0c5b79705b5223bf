"""Rules `analyse`, `fit_codec` and `tokens`: shards say what the clips say."""

from __future__ import annotations

import pytest
from numpy.testing import assert_array_equal

from dubber.artifacts import read_rows, write_rows
from dubber.codec.world.fit import fit_analysed
from dubber.errors import DubberError
from dubber.steps.analyse import ANALYSIS, analysis_row, to_clip
from dubber.steps.fit_codec import fit_on_clips
from dubber.steps.token_rows import TOKENS
from dubber.steps.tokens import tokens
from tests.codec.test_world import SETTINGS, spoken


def test_shards_say_what_the_clips_say(tmp_path):
    speech = spoken()
    codec = fit_analysed(speech, SETTINGS, {"clips": "4"})
    rows = [{"clip": f"c{i}", **analysis_row(clip)} for i, clip in enumerate(speech)]
    write_rows(tmp_path / "a.parquet", rows, ANALYSIS)
    fitted = fit_on_clips([tmp_path / "a.parquet"], {"c0", "c1", "c2", "nobody"}, SETTINGS)
    assert fitted.provenance["clips"] == "3"
    with pytest.raises(DubberError, match="No training clip"):
        fit_on_clips([tmp_path / "a.parquet"], {"nobody"}, SETTINGS)
    codec.save(tmp_path / "codec.safetensors")
    tokens(tmp_path / "a.parquet", tmp_path / "codec.safetensors", 0, tmp_path / "t.parquet")
    stored = to_clip(next(iter(read_rows(tmp_path / "a.parquet"))))
    (first, *others) = read_rows(tmp_path / "t.parquet", TOKENS.names)
    assert len(others) == 3 and first["n_tokens"] == len(speech[0].analysis.f0)
    assert_array_equal(first["ids"].reshape(6, -1), codec.quantise(stored).ids)
