# Needs Python 3.11 or newer and make. Everything else is installed into .venv here.
#   make train                        train specs/ann.yaml
#   make train SPEC=specs/iris.yaml   train another
#   make test                         everything that must hold
#   make conformance                  the same and the long comparisons with PyTorch
#   make fuzz                         judge 20,000 specs with something in them changed
#   make gallery                      make the pictures of docs/gallery.md again

SPEC   ?= specs/ann.yaml
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
USE    := $(VENV)/.installed
TEST   := $(VENV)/.installed-test

.PHONY: train test check bench conformance fuzz docs gallery clean help

train: $(USE)
	@$(BIN)/graphrun train $(SPEC)

test: check
	$(BIN)/python -m pytest $(PYTEST)

check: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(TEST)
	$(BIN)/python -m benchmarks

conformance: $(TEST)
	@$(BIN)/python -c "import torch, expecttest" || \
	  { echo "this compares with PyTorch: $(BIN)/python -m pip install torch expecttest"; exit 1; }
	$(BIN)/python -m pytest -m "slow or not slow"

fuzz: $(TEST)
	$(BIN)/python -m pytest -m slow tests/specs/test_mutants.py $(PYTEST)

docs: $(TEST)
	$(BIN)/python docs/generate.py

gallery: $(USE)
	@$(BIN)/python docs/gallery.py

clean:
	rm -rf $(USE) $(TEST) .venv build dist .mypy_cache .ruff_cache .hypothesis
	find outputs -mindepth 1 ! -name .gitkeep ! -path outputs/gallery ! -path 'outputs/gallery/*' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "graphrun needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps are newer than pyproject.toml while nothing has to be installed again.
$(USE): pyproject.toml | $(BIN)/python
	@echo "installing graphrun into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(TEST): pyproject.toml | $(BIN)/python
	@echo "installing graphrun and what its tests need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $(USE) $@
