# Everything a newcomer needs: `make up` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
# What is installed is compiled at once: else each start does it anew where
# PYTHONDONTWRITEBYTECODE is set, as in many a container.
# The system's certificates, so that it works behind a company's TLS proxy too.
UV := $(BIN)/uv --system-certs
# What is built by installing, in place.
COMPILED := $(wildcard src/trunkline/*/*.pyx src/trunkline/*/*.pxd)
# Where Debian has nginx and HAProxy, and ordinary people do not look.
export PATH := $(PATH):/usr/sbin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

.PHONY: help up test soak check format bench bench-peers pins clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

up: .venv/run.stamp ## Start gateway, API, dashboard and simulator on http://127.0.0.1:8585
	@exec $(BIN)/trunkline up --simulator

test: .venv/dev.stamp ## Pass all tests, browser tests included
	@scripts/install-test-tools
	@$(BIN)/pytest -q -n auto --dist loadfile --no-loadscope-reorder

soak: .venv/dev.stamp ## The long checks of docs/reference/guarantees.md; about half an hour
	@scripts/install-test-tools
	@$(BIN)/pytest -q -m soak --timeout 1800

check: .venv/dev.stamp ## Format, lint, strict types, architecture
	@$(BIN)/ruff format --check --quiet src tests bench scripts
	@$(BIN)/ruff check --quiet src tests bench scripts
	@$(BIN)/basedpyright --level error
	@$(BIN)/pytest -q tests/test_architecture.py

format: .venv/dev.stamp ## Format and mend what can be mended
	@$(BIN)/ruff format src tests bench scripts
	@$(BIN)/ruff check --fix src tests bench scripts

bench: .venv/dev.stamp ## What everything costs, beside nginx, HAProxy and others; sixteen minutes
	@scripts/install-test-tools
	@$(BIN)/python -m bench

bench-peers: .venv/build.stamp ## Install LiteLLM and Portkey apart from everything, for `make bench`; 650 MB
	@$(UV) venv -q --clear --python $(BIN)/python bench/peers/.venv
	@$(UV) pip sync -q --python bench/peers/.venv --require-hashes bench/peers/requirements.txt
	@cd bench/peers && npm ci --silent --no-audit --no-fund --ignore-scripts

pins: .venv/build.stamp ## Compile the lock files anew from pyproject.toml
	@printf 'cython\nsetuptools\nuv\n' | $(UV) pip compile -q --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate - -o requirements/build.txt
	@$(UV) pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate pyproject.toml -o requirements/run.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --group dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate tests/compat/requirements.in -o tests/compat/requirements.txt

clean: ## Remove what was installed and built; ./data stays
	@rm -rf .venv node_modules build
	@find src -name '*.so' -delete -o -name '*.c' -delete

.venv/build.stamp: requirements/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Trunkline needs Python 3.11 or newer; set PYTHON=")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

.venv/run.stamp: .venv/build.stamp requirements/run.txt pyproject.toml $(COMPILED)
	@$(UV) pip install -q --compile-bytecode --require-hashes -r requirements/run.txt
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	@$(UV) pip install -q --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@
