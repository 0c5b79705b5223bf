"""WER: jiwer's own numbers on hand-made cases, one normaliser, failures as deletions."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import jiwer
import numpy as np
import pytest

from dubber.metrics.base import Sample
from dubber.metrics.grammars import GRID
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.settings import WHISPER, WHISPER_FILES, WerSettings
from dubber.metrics.wer import Wer, word_errors
from dubber.metrics.whisper_recogniser import WhisperRecogniser

SILENT = np.zeros(16000, np.float32)


class Scripted:
    name = "scripted"

    def __init__(self, heard: str) -> None:
        self.heard = heard

    def transcribe(self, wav: np.ndarray) -> str:
        return self.heard


def sample(text: str) -> Sample:
    return Sample("clip", text, hypothesis=SILENT, truth=SILENT, reference=SILENT)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("bin blue at f two now", "bin blue at f two now", (0, 0, 0)),
        ("bin blue at f two now", "bin red at f two", (1, 1, 0)),
        ("bin blue at f two now", "please bin blue at f two two now", (0, 0, 2)),
        ("place red in z nine soon", "lay white by a one again", (6, 0, 0)),
    ],
)
def test_hand_made_cases(reference, hypothesis, errors):
    found = word_errors(reference=reference, hypothesis=hypothesis)
    assert (found.substitutions, found.deletions, found.insertions) == errors
    assert found.rate / 100 == pytest.approx(jiwer.wer(reference, hypothesis))


def test_reference_and_hypothesis_are_not_interchangeable():
    short, long = "set white", "set white with q"
    assert word_errors(reference=long, hypothesis=short).rate == 50
    assert word_errors(reference=short, hypothesis=long).rate == 100
    with pytest.raises(TypeError):
        word_errors(long, short)


def test_both_sides_pass_the_same_normaliser():
    assert word_errors(reference="Bin blue, at F 2 now.", hypothesis="bin BLUE at f two now!").errors == 0


@pytest.mark.parametrize(
    ("reference", "hypothesis"),
    [
        ("it does not matter", "It doesn't matter."),
        ("what colour is it", "Hmm, what color is it?"),
        ("twenty one people", "21 people"),
    ],
)
def test_whispers_normaliser_forgives_contractions_fillers_and_spelling(reference, hypothesis):
    assert word_errors(reference=reference, hypothesis=hypothesis, normaliser="whisper").errors == 0


def test_dates_money_and_signs_are_read_before_words_are_compared():
    reference, hypothesis = (
        "It cost $5 on Jan. 3rd at 3:30pm",
        "it cost five dollars on january third at three thirty p m",
    )
    assert word_errors(reference=reference, hypothesis=hypothesis).errors == 0


def test_the_normaliser_is_said_beside_the_recogniser():
    metric = Wer(Scripted("it is"), normaliser="whisper")
    assert metric.backend == "scripted (Whisper's normaliser)"
    assert metric.score(sample("it's"))[0].value == 0
    assert metric.failed("hmm", "no output")[0].value == 100


def test_a_text_without_words_is_an_error():
    with pytest.raises(ValueError, match="no word"):
        word_errors(reference="...", hypothesis="now")


def test_failed_clip_has_lost_every_word():
    score = Wer(Scripted("")).failed("lay green by k six again", "no output")[0]
    assert (score.value, score.weight, score.reason) == (100.0, 6, "no output")


def test_understanding_nothing_costs_the_same_as_failing():
    score = Wer(Scripted("")).score(sample("lay green by k six again"))[0]
    assert (score.value, score.weight, score.reason) == (100.0, 6, None)


def test_weights_make_the_corpus_level_rate():
    texts, heard = ["one two three four", "five"], ["one two three", "six"]
    scores = [Wer(Scripted(h)).score(sample(t))[0] for t, h in zip(texts, heard, strict=True)]
    corpus = sum(s.value * s.weight for s in scores) / sum(s.weight for s in scores)
    assert corpus / 100 == pytest.approx(jiwer.wer(texts, heard))


def test_grammar_recogniser_survives_silence_and_noise():
    recogniser = PocketsphinxRecogniser("grid")
    noise = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    allowed = set(GRID.jsgf.split())
    for wav in (SILENT, noise, np.zeros(10, np.float32)):
        assert set(recogniser.transcribe(wav).split()) <= allowed


def test_whisper_joins_segments_and_never_fetches(tmp_path, monkeypatch):
    calls = {}

    class Model:
        def __init__(self, folder, **options):
            calls.update(folder=folder, **options)
            self.feature_extractor = SimpleNamespace(mel_filters=np.zeros((128, 201)))
            self.model = SimpleNamespace(n_mels=128, device="cpu", compute_type="int8", encode=lambda features: None)

        def transcribe(self, wav, **options):
            calls.update(options)
            return [SimpleNamespace(text=" Bin blue"), SimpleNamespace(text=" at F2 now.")], None

    for name in WHISPER_FILES[WHISPER]:
        (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Model))
    recogniser = WhisperRecogniser(WerSettings(backend="whisper", weights=str(tmp_path), beam=3))
    assert recogniser.transcribe(SILENT) == "Bin blue at F2 now."
    assert calls["local_files_only"] is True
    assert calls["temperature"] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], "the published fallback"
    assert (calls["beam_size"], calls["language"], calls["folder"]) == (3, "en", str(tmp_path))
