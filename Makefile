# Two commands for a fresh machine with Python 3.11: `make demo` and `make test`.
# Both build .venv from the pinned versions in constraints.txt; nothing else is installed or fetched.
# (`make test-slurm` adds the plugins for clusters, and Debian's Slurm where it is missing.)

PYTHON ?= python3.11
CORES ?= 2
EXPERIMENT ?= demo
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo venv test test-fast test-faults test-slurm lint clean

demo: venv ## the whole workflow on the embedded demo corpus: results/demo_table.csv, results/demo/report.html
	$(BIN)/snakemake --cores $(CORES)
	@echo "Open results/demo/report.html"

venv: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) is not on the PATH: install Python 3.11 or name it, make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "setuptools<81" wheel cython numpy
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[test]"
	$(BIN)/python -m pip check
	touch $@

test: venv ## every test but those under fire; those that need real recordings say so when they skip
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --numprocesses 2 --dist loadgroup --no-loadscope-reorder

test-fast: venv ## what an editor waits for: no Snakemake, no browser, no other processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --numprocesses 2 --dist loadgroup --no-loadscope-reorder -m "not slow and not faults"

test-faults: venv ## the workflow under fire: killed, without a disk, with damaged files, twice at once
	$(BIN)/python -m pytest -q -m faults tests/faults

test-slurm: $(VENV)/installed-cluster ## the workflow on a real Slurm of one node (root, Debian): EXPERIMENT=micro is shorter
	$(BIN)/python -m pytest -q tests/workflow/test_profiles.py
	CORES=$(CORES) tests/slurm/run.sh $(EXPERIMENT)

$(VENV)/installed-cluster: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[test,slurm,kubernetes]"
	$(BIN)/python -m pip check
	touch $@

lint: venv ## style, types, docstrings, and the limits on sizes, directions and start-up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house/test_sizes.py tests/house/test_import_graph.py tests/house/test_product.py tests/house/test_docstrings.py tests/house/test_prose.py

clean: ## remove what the workflow made; never data/ nor the answers of listeners
	rm -rf work runs results logs benchmarks/rules
