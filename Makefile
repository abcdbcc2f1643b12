# Everything here works on a fresh clone: the virtual environment is made when there is none.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Without an NVIDIA GPU, take PyTorch's CPU build from PyTorch's own index instead of gigabytes of CUDA packages.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,--extra-index-url https://download.pytorch.org/whl/cpu)

.PHONY: run test test-slow lint format bench clean

run: $(STAMP)  ## train the main job: federated seismic inversion on this machine
	$(BIN)/fedray submit apps/seismic

test: $(STAMP)  ## the fast tests
	$(BIN)/python -m pytest

test-slow: $(STAMP)  ## every test, the slow ones included
	$(BIN)/python -m pytest -m "slow or not slow"

lint: $(STAMP)  ## style, types and the walls between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

format: $(STAMP)  ## rewrite the code in the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure: rounds, throughput, memory, the ledger; prints ratios measured in one run
	$(BIN)/python -m benchmarks.round_overhead
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.ledger_speed
	$(BIN)/python -m benchmarks.ledger_cost

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fedray needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch $(TORCH_INDEX)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:  ## remove the environment and caches; runs and generated data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
