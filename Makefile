# Two commands do everything on a fresh machine: `make hello` and `make test`.
# Each sets up what it needs: Python packages into .venv, system packages by apt where root (else it says which).
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

# Tests wait as much as they compute. `make test WORKERS=0` runs them one after the other, in one process.
WORKERS ?= $(shell n=$$(( 2 * $$(nproc) )); echo $$(( n < 8 ? n : 8 )))
# Bytecode is kept, whatever the shell says: each of thousands of processes would compile all that it imports.
test test-slow: export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help setup system hello test test-slow lint simulate bench-peers clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/.ready system  ## Python packages into .venv, system packages where root

.venv/.ready: pyproject.toml hatch_build.py $(wildcard src/skyserve/endpoint/native/*.[ch])
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'SkyServe needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

system:
	@scripts/install-system-packages

hello: setup  ## a two-replica service on this machine behind one endpoint, answered by curl
	@scripts/hello

test: setup  ## the fast tests
	@scripts/install-system-packages --for-tests
	$(PYTEST) -m 'not slow'

test-slow: setup  ## the slow tests, which make test leaves out
	@scripts/install-system-packages --for-tests
	$(PYTEST) -m slow

lint: setup  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

SEEDS ?= 100
FIRST ?= 0
simulate: setup  ## the real controller through storms of faults: SEEDS=1000, FIRST=0
	$(BIN)/python -m skyserve.sim.faithful --seeds $(SEEDS) --first $(FIRST)

bench-peers: setup  ## the proxies that python -m bench.endpoint compares ours with, into a cache of their own
	$(BIN)/python -m bench.endpoint.peers

clean:  ## remove what setup made
	rm -rf .venv build dist
