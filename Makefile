# Every target sets itself up: all that is needed is Python 3.11 or newer, pip and git.
# `make` alone lists the targets. Another Python: make test PYTHON=python3.12

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
WORKERS ?= 2
# Exported rather than pasted into commands, so that a path may hold spaces, quotes and dollars.
override export VIDEO := $(value VIDEO)
override export FPS := $(value FPS)
# Tests run side by side already: two that take two threads each wait for each other.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

VENV := .venv
BIN := $(VENV)/bin
USER_READY := $(VENV)/.ready-all
DEV_READY := $(VENV)/.ready-dev
CHECKED := src tests benchmarks examples docs

.PHONY: help demo test quick check lint docs bench clean

help:  ## list the targets
	@echo 'Phonoscope turns silent video into sound. Targets (each sets itself up in $(VENV)):'
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(USER_READY)  ## render a clip with known sound, recover it, score it; or VIDEO=clip.mp4 FPS=2200
	@$(BIN)/python examples/demo.py

test: $(DEV_READY)  ## every test, the slow ones too
	@echo '== every test, $(WORKERS) at a time =='
	@$(ONE_THREAD) $(BIN)/pytest -n $(WORKERS)

quick: $(DEV_READY)  ## the tests without the slow ones
	@$(ONE_THREAD) $(BIN)/pytest -n $(WORKERS) -m 'not slow'

check: lint test docs  ## what CI runs: style, types, layers, every test, documentation

lint: $(DEV_READY)  ## style, types and who may import whom
	@echo '== style: ruff =='
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo '== types: mypy =='
	@$(BIN)/mypy
	@echo '== layers: import-linter =='
	@$(BIN)/lint-imports

docs: $(DEV_READY)  ## the documentation, into docs/_build/html; a warning is an error
	@echo '== documentation: Sphinx =='
	@$(BIN)/python -m sphinx -b html -W --keep-going -q docs docs/_build/html
	@echo 'documentation: docs/_build/html/index.html'

bench: $(DEV_READY)  ## accuracy and speed, as tables (see benchmarks/README.md)
	@shopt -s nullglob; \
	scripts=(benchmarks/[a-z]*.py); \
	if (( $${#scripts[@]} == 0 )); then echo 'there are no benchmarks yet.'; fi; \
	for script in "$${scripts[@]}"; do echo "== $$script =="; $(BIN)/python "$$script"; done

clean:  ## remove the environment and everything that was made
	rm -rf $(VENV) demo docs/_build build dist .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis

$(USER_READY): pyproject.toml | $(BIN)/python
	@echo '== installing Phonoscope into $(VENV) (a minute or two, once) =='
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -e '.[all]'
	@touch $@

$(DEV_READY): pyproject.toml | $(BIN)/python
	@echo '== installing Phonoscope and its tools into $(VENV) (a minute or two, once) =='
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(USER_READY)

$(BIN)/python:
	@command -v '$(PYTHON)' >/dev/null || { \
		echo 'There is no $(PYTHON); install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.' >&2; \
		exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Phonoscope needs Python 3.11 or newer, and $(PYTHON) is $$('$(PYTHON)' -V 2>&1); name another: make PYTHON=python3.12." >&2; \
		exit 1; }
	@echo '== making a Python environment in $(VENV) =='
	@'$(PYTHON)' -m venv $(VENV) >/dev/null 2>&1 || { \
		rm -rf $(VENV); \
		echo 'Python cannot make an environment: its venv module is missing; install it (Debian, Ubuntu: apt-get install python3-venv) and run make again.' >&2; \
		exit 1; }
