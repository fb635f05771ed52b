# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check fmt golden docs lock campaign bench clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Stamps make the set-up run once per lock file.
$(VENV)/.planner: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the planner's pinned dependencies into $(VENV) ..."
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the pinned development dependencies into $(VENV) ..."
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.planner

setup: $(VENV)/.planner ## create .venv with the planner
setup-dev: $(VENV)/.dev ## create .venv with the planner and its development tools

lock: ## compile the lock files anew (needs uv)
	uv pip compile pyproject.toml --universal --group build --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements.lock -q
	uv pip compile pyproject.toml --universal --group dev --extra postgres --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c requirements.lock -o requirements-dev.lock -q
