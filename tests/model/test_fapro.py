"""The prosody prior from the face."""

from __future__ import annotations

import pytest
import torch

from dubber.model.fapro import FaPro
from tests.helpers.tiny_models import SETTINGS, alone, assert_same, dub_batch, randomise, soiled

BATCH = dub_batch()


@pytest.mark.parametrize("training", [True, False])
def test_a_padded_clip_is_treated_as_if_it_were_alone(training):
    fapro = randomise(FaPro(SETTINGS)).train(training)
    together = fapro(soiled(BATCH.faces, BATCH.frame_mask), BATCH.frame_mask, BATCH.token_mask)
    assert together.shape == (3, BATCH.tokens.shape[-1], SETTINGS.width)
    assert (together[~BATCH.token_mask] == 0).all()
    for row in range(3):
        clip = alone(BATCH, row)
        assert_same(together[row, : clip.tokens.shape[-1]], fapro(clip.faces, clip.frame_mask, clip.token_mask)[0])


def test_a_moving_brow_is_heard_where_it_moves():
    """A change of the first frame is heard at the first token, hardly at the last."""
    fapro = randomise(FaPro(SETTINGS)).eval()
    faces = torch.randn(1, 60, SETTINGS.face_features, generator=torch.Generator().manual_seed(0))
    frames, tokens = torch.ones(1, 60, dtype=torch.bool), torch.ones(1, 192, dtype=torch.bool)
    changed = faces.clone()
    changed[:, 0] += 0.1
    first, last = (fapro(x, frames, tokens)[0, [0, -1]] for x in (faces, changed))
    moved = (first - last).abs().amax(-1)
    assert moved[0] > 3 * moved[1]
