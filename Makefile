# make tour: set up a virtual environment and run every experiment once. make test: set up and run every test that needs no GPU.
# make studio: set up and open the studio, a web page on this machine.
# make gpu-check: check on a GPU, if there is one, what the tests cannot check without one, and write a page, out/gpu-check.md.
# make docs: set up and build the documentation site, out/docs/index.html. Every picture in it is made anew.
PYTHON ?= python3
BIN := .venv/bin
WORKERS := --numprocesses=logical --dist=worksteal
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: tour studio test test-fast gpu-check lint docs clean

tour: .venv/tour
	$(BIN)/noisewalk tour --part all --out out/tour

studio: .venv/studio
	$(BIN)/noisewalk studio --open --limits generous

test: .venv/dev
	$(BIN)/python -m pytest -q $(WORKERS)

test-fast: .venv/dev
	$(BIN)/python -m pytest -q $(WORKERS) -m "not slow and not gpu"

gpu-check: .venv/dev
	$(BIN)/python bench/gpu_check.py

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers 2 || { test $$? -eq 2 && $(BIN)/mypy; }  # status 2: a worker did not start in time
	$(BIN)/lint-imports --no-cache

docs: $(or $(wildcard .venv/dev),.venv/docs)  # dev includes docs
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -j 4 -E -W --keep-going -q -b html docs out/docs
	$(BIN)/python docs/check_links.py out/docs

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "noisewalk needs Python 3.11 or newer; try make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/tour: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing noisewalk and PyTorch into .venv (once) ..."
	$(INSTALL) ".[cli,report,train]"
	@touch $@

.venv/studio: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing noisewalk, PyTorch and Gradio into .venv (once) ..."
	$(INSTALL) ".[studio]"
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing noisewalk, PyTorch and the test tools into .venv (once) ..."
	$(INSTALL) ".[dev]"
	@touch $@

.venv/docs: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing noisewalk, PyTorch and Sphinx into .venv (once) ..."
	$(INSTALL) ".[docs]"
	@touch $@

clean:
	rm -rf .venv out
