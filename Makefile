# Every target sets up what it needs. `make demo` and `make test` work on a fresh Debian 12 or 13 with python3-venv and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
COMPILE = --upgrade --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make requirements"

.PHONY: help requirements demo test check fix live-tools bench bench-slim bench-deps clean

help:                       ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

$(VENV)/run: pyproject.toml requirements/run.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.txt examples/digits/requirements-dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet -r examples/digits/requirements-dev.txt
	@touch $@

$(VENV).rivals/ready: requirements/bench.txt
	$(PYTHON) -m venv $(VENV).rivals
	$(VENV).rivals/bin/python -m pip install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

requirements:               ## pin the requirements again
	$(BIN)/uv pip compile -q pyproject.toml requirements/build.in $(COMPILE) -o requirements/run.txt
	$(BIN)/uv pip compile -q requirements/dev.in $(COMPILE) -o requirements/dev.txt
	$(BIN)/uv pip compile -q requirements/bench.in $(COMPILE) -o requirements/bench.txt

demo: $(VENV)/run           ## build examples/digits, start the image, ask it for a prediction
	$(BIN)/slimtorch build examples/digits --output oci:dist/digits:demo
	$(BIN)/slimtorch verify oci:dist/digits:demo --project examples/digits

check: $(VENV)/dev          ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/dev            ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: check live-tools      ## everything that CI runs
	$(BIN)/pytest -n 2 --dist loadgroup

live-tools:                 ## Debian packages that the live tests need, when run as root
	@sh tests/live/install-tools.sh

bench: bench-deps           ## measure against the reference image and other tools; results in docs/benchmarks.md
	$(BIN)/python -m bench.digits --base minbase
	$(BIN)/python -m bench.digits --base debian-slim

bench-slim: $(VENV)/dev      ## measure slimming a CUDA install (20 GB of disk) and the digits image in every profile
	$(BIN)/python -m bench.slim --write

bench-deps: $(VENV)/dev $(VENV).rivals/ready
	$(BIN)/python -m bench.deps --write

clean:                      ## remove what the other targets made
	rm -rf $(VENV) $(VENV).rivals dist bench/out .mypy_cache .ruff_cache .pytest_cache
