# make tour: set up a virtual environment and run every experiment once. make test: set up and run every test that needs no GPU.
PYTHON ?= python3
BIN := .venv/bin
WORKERS := --numprocesses=logical --dist=worksteal
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: tour test test-fast lint clean

tour: .venv/cli
	$(BIN)/noisewalk tour --out out/tour

test: .venv/dev
	$(BIN)/python -m pytest -q $(WORKERS)

test-fast: .venv/dev
	$(BIN)/python -m pytest -q $(WORKERS) -m "not slow and not gpu"

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "noisewalk needs Python 3.11 or newer; try make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/cli: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing noisewalk and PyTorch into .venv (once) ..."
	$(INSTALL) ".[cli]"
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing noisewalk, PyTorch and the test tools into .venv (once) ..."
	$(INSTALL) ".[dev]"
	@touch $@

clean:
	rm -rf .venv out
