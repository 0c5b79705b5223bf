"""Rooms and directions: a lower room never imports a higher one, and no modules import each other in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.import_graph import FLOORS, circles, climbs, dot, import_graph, reach, room

GRAPH = import_graph()


def test_no_room_imports_a_higher_one():
    assert climbs(GRAPH) == set()


def test_no_modules_import_each_other_in_a_circle():
    assert circles(GRAPH) == []


def test_every_room_has_a_floor():
    assert {room(module) for module in GRAPH} <= {name for names in FLOORS for name in names}


def test_the_flow_imports_nothing_of_ours_but_errors():
    imported = {name for module, names in GRAPH.items() if room(module) == "flow" for name in names}
    assert {name for name in imported if room(name) != "flow"} <= {"errors", "settings"}


def test_the_product_reaches_neither_the_configuration_nor_the_workflow():
    barred = {"config", "experiment", "corpus/corpora", "steps", "commands"}
    reached = {name for module in GRAPH if room(module) == "dub" for name in reach(GRAPH, module)}
    found = {name for name in reached if name in barred or room(name) in barred}
    assert not found


TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import dubber.cli\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A package with an import in a function, one for type checkers alone, and a circle."""
    sources = {
        "errors.py": "",
        "text/__init__.py": "",
        "text/words.py": "from dubber.errors import X\n\ndef f():\n    from dubber.model import net\n",
        "model/__init__.py": "",
        "model/net.py": "import dubber.text.words\n" + TYPES,
        "cli.py": "",
    }
    for name, source in sources.items():
        (tmp_path / "dubber" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dubber" / name).write_text(source)
    return tmp_path / "dubber"


def test_climbs_and_circles_are_found(small):
    graph = import_graph(small)
    assert graph["text/words"] == {"errors", "model/net"}
    assert graph["model/net"] == {"text/words"}
    assert climbs(graph) == {("text/words", "model/net")}
    assert circles(graph) == [["model/net", "text/words"]]
    assert reach(graph, "model/net") == {"text/words", "errors", "model/net"}
    assert '"text" -> "model";' in dot(graph)
