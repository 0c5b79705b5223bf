"""Words to phones: the CMU Pronouncing Dictionary, and a network for the words that it lacks.

The dictionary is pocketsphinx's copy: 126,000 words without stress marks, under CMU's BSD licence. The network is
g2p_en's: an encoder GRU reads the letters, a decoder GRU writes phones until it ends the word; greedy, so
deterministic. Importing `g2p_en` itself would try to fetch NLTK data, so only its weight file is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dubber.errors import MissingDataError

if TYPE_CHECKING:
    import numpy as np

_DICTIONARY = "en-us/cmudict-en-us.dict"
_LONGEST = 20  # phones; what the published decoder is cut off at
_START, _END = 2, 3
_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
_GRAPHEMES = {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz", start=3)}
_UNKNOWN_GRAPHEME, _WORD_END = 1, 2
# fmt: off
_PHONES = (
    *_SPECIAL,
    "AA0", "AA1", "AA2", "AE0", "AE1", "AE2", "AH0", "AH1", "AH2", "AO0", "AO1", "AO2", "AW0", "AW1", "AW2",
    "AY0", "AY1", "AY2", "B", "CH", "D", "DH", "EH0", "EH1", "EH2", "ER0", "ER1", "ER2", "EY0", "EY1", "EY2",
    "F", "G", "HH", "IH0", "IH1", "IH2", "IY0", "IY1", "IY2", "JH", "K", "L", "M", "N", "NG", "OW0", "OW1", "OW2",
    "OY0", "OY1", "OY2", "P", "R", "S", "SH", "T", "TH", "UH0", "UH1", "UH2", "UW", "UW0", "UW1", "UW2",
    "V", "W", "Y", "Z", "ZH",
)
# fmt: on


@dataclass(frozen=True)
class _Gru:
    """One GRU cell; gates in the order reset, update, candidate."""

    w_input: np.ndarray
    w_hidden: np.ndarray
    b_input: np.ndarray
    b_hidden: np.ndarray


@dataclass(frozen=True)
class _Network:
    graphemes: np.ndarray  # [29, 64]
    phones: np.ndarray  # [74, 64]
    encoder: _Gru
    decoder: _Gru
    w_output: np.ndarray  # [74, 128]
    b_output: np.ndarray  # [74]


def known(word: str, variant: int = 1) -> tuple[str, ...]:
    """ARPAbet phones, without stress, of a lower-case word; empty if the dictionary lacks it.

    Args:
        variant: which of a word's pronunciations, counted from 1.
    """
    entry = word if variant == 1 else f"{word}({variant})"
    return tuple(_dictionary().get(entry.encode(), b"").decode().split())


@cache
def _dictionary() -> dict[bytes, bytes]:
    """Word -> phones as the file has them: split when they are asked for, because few are."""
    try:
        from pocketsphinx import get_model_path

        content = Path(get_model_path(_DICTIONARY)).read_bytes()
    except (ImportError, OSError) as error:
        raise MissingDataError(
            f"The pronunciation dictionary cannot be read: {error}.",
            looked_at=f"{_DICTIONARY} in the Python package pocketsphinx",
            hint="Install it: pip install pocketsphinx",
        ) from error
    return dict(line.split(b" ", 1) for line in content.splitlines())


def predict(word: str) -> tuple[str, ...]:
    """ARPAbet phones, with stress digits, of a word in lower-case letters a-z; empty if the network says nothing.

    Raises:
        MissingDataError: g2p_en is not installed.
    """
    import numpy as np  # slow to load, and few texts hold an unknown word

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    def step(gru: _Gru, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        r_x, z_x, n_x = np.split(gru.w_input @ x + gru.b_input, 3)
        r_h, z_h, n_h = np.split(gru.w_hidden @ h + gru.b_hidden, 3)
        reset, update = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
        return (1 - update) * np.tanh(n_x + reset * n_h) + update * h

    network = _network()
    h = np.zeros(network.encoder.w_hidden.shape[1], np.float32)
    for i in [*(_GRAPHEMES.get(letter, _UNKNOWN_GRAPHEME) for letter in word), _WORD_END]:
        h = step(network.encoder, network.graphemes[i], h)
    phones: list[str] = []
    last = _START
    while len(phones) < _LONGEST:
        h = step(network.decoder, network.phones[last], h)
        last = int(np.argmax(network.w_output @ h + network.b_output))
        if last == _END:
            break
        phones.append(_PHONES[last])
    return tuple(phone for phone in phones if phone not in _SPECIAL)


@cache
def _network() -> _Network:
    import numpy as np

    found = find_spec("g2p_en")
    if found is None or found.origin is None:
        raise MissingDataError(
            "A word is not in the dictionary, and the network that pronounces unknown words is not installed.",
            looked_at="the Python package g2p_en",
            hint="Install it: pip install g2p_en (its NLTK data is not needed).",
        )
    with np.load(Path(found.origin).with_name("checkpoint20.npz"), allow_pickle=False) as weights:
        w = {name: weights[name].astype(np.float32) for name in weights.files}
    return _Network(
        graphemes=w["enc_emb"],
        phones=w["dec_emb"],
        encoder=_Gru(w["enc_w_ih"], w["enc_w_hh"], w["enc_b_ih"], w["enc_b_hh"]),
        decoder=_Gru(w["dec_w_ih"], w["dec_w_hh"], w["dec_b_ih"], w["dec_b_hh"]),
        w_output=w["fc_w"],
        b_output=w["fc_b"],
    )
