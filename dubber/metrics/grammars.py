"""Sentence grammars by name, in JSGF, with the words that a recogniser's dictionary lacks."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grammar:
    """A corpus's sentences.

    Attributes:
        jsgf: the grammar; its name is the key in `GRAMMARS`.
        pronunciations: words to add to the dictionary, with their ARPAbet phones.
        spelling: recognised word -> the word of the corpus's texts.
    """

    jsgf: str
    pronunciations: dict[str, str] = field(default_factory=dict)
    spelling: dict[str, str] = field(default_factory=dict)


GRID = Grammar(
    jsgf="""#JSGF V1.0;
grammar grid;
public <sentence> = <command> <colour> <preposition> <letter> <digit> <adverb>;
<command> = bin | lay | place | set;
<colour> = blue | green | red | white;
<preposition> = at | by | in | with;
<letter> = a | b | c | d | e | f | g | h | i | j | k | l | m | n | o | p | q | r | s | t | u | v | x | y | z | zed;
<digit> = zero | one | two | three | four | five | six | seven | eight | nine;
<adverb> = again | now | please | soon;
""",
    pronunciations={"zed": "Z EH D"},  # GRID's speakers are British
    spelling={"zed": "z"},
)

GRAMMARS = {"grid": GRID}
