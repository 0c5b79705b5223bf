"""The product alone: how much of the package `dubber dub` reaches, and how much of it is loaded when."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.import_graph import import_graph, reach
from tests.conftest import ROOT

MOST_MODULES = 60
MOST_SECONDS = 0.1
LOADED = "import sys, {module}; print(*sorted(n for n in sys.modules if n.split('.')[0] in {packages}))"


def loaded(module: str, *packages: str) -> list[str]:
    """Modules of some packages that importing `module` loads, in a process of its own."""
    code = LOADED.format(module=module, packages=packages)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_product_reaches_a_third_of_the_package_or_less():
    """Imports in functions are counted; backends that are imported by name are not."""
    graph = import_graph()
    reached = reach(graph, "dub/load") | {"dub/load"}
    assert len(reached) <= MOST_MODULES, sorted(reached)
    found = [name for name in loaded("dubber.dub.load", "dubber") if (ROOT / f"{name.replace('.', '/')}.py").is_file()]
    assert len(found) <= MOST_MODULES, found


def test_the_product_loads_nothing_that_only_the_workflow_needs():
    heavy = ("librosa", "sklearn", "scipy", "pandas", "matplotlib", "onnxruntime", "snakemake", "lightning_fabric")
    assert loaded("dubber.dub.load", "pyarrow", *heavy) == []


def test_importing_dubber_takes_no_time_and_loads_nothing_heavy():
    assert loaded("dubber", "torch", "numpy", "pydantic", "av", "cv2") == []
    code = "import time; t = time.perf_counter(); import dubber; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    assert min(times) < MOST_SECONDS


def test_help_answers_at_once():
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "dubber", "dub", "--help"], capture_output=True, check=True)
    assert time.perf_counter() - started < 5
    assert loaded("dubber.cli", "torch", "numpy", "av", "cv2") == []
