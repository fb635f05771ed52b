# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
AUDIT := $(VENV)/audit
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-model train demo test check fmt campaign golden docs bench lock audit sbom clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Stamps make the set-up run once per lock file. The locks are complete: with --no-deps pip resolves nothing, and a newer
# release of a package that another one asks for by an extra is not looked at.
$(VENV)/.planner: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the planner's pinned dependencies into $(VENV) ..."
	$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the pinned development dependencies into $(VENV) ..."
	$(PIP) install --quiet --require-hashes --no-deps -r requirements-dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.planner

# torch has builds of its own for each machine, so this file pins versions and no hashes.
$(VENV)/.model: requirements-model.lock | $(VENV)/bin/python
	@echo "Installing the moderation model's pinned dependencies into $(VENV) (gigabytes where torch comes with CUDA) ..."
	$(PIP) install --quiet -r requirements-model.lock
	@touch $@

setup: $(VENV)/.planner ## create .venv with the planner
setup-dev: $(VENV)/.dev ## create .venv with the planner and its development tools
setup-model: $(VENV)/.planner $(VENV)/.model ## add the moderation model's dependencies, torch among them, to .venv

train: setup-model ## train the moderation model: make train DATA="en=FILE zh=FILE" (CSV: text,label[,split])
	$(BIN)/python -m model_server.train $(DATA)

demo: $(VENV)/.planner ## plan the bundled function, apply it to a local Function Compute, show where things are
	@$(BIN)/planner demo demo

test: $(VENV)/.dev $(VENV)/.model ## run every test (a PostgreSQL server, the TypeScript SDK and promtool are installed first where they are missing)
	$(BIN)/python -m tests.postgres
	$(BIN)/python -m tests.node
	$(BIN)/python -m tests.promtool
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.dev $(VENV)/.model ## what has to be green before a change lands: style, types, import rules, tests, coverage
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.postgres
	$(BIN)/python -m tests.node
	$(BIN)/python -m tests.promtool
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term

fmt: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

campaign: $(VENV)/.dev ## the longer proofs: properties on new examples, the kills again and again, 28 days, 200 lives
	HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -n 2 tests/core tests/documents tests/forecast tests/history tests/plancodec tests/store tests/emulator
	for round in 1 2 3 4 5; do $(BIN)/python -m pytest tests/apply/test_kill9.py tests/acceptance || exit 1; done
	$(BIN)/python -m tests.campaigns.faults --runs 200
	$(BIN)/python -m tests.campaigns.processes --runs 20
	$(BIN)/python -m tests.campaigns.month --days 28
	$(BIN)/python -m tests.campaigns.month --days 7 --alone 7

golden: $(VENV)/.dev ## write the golden files of the exports and the figures of the docs anew (in a commit of their own)
	GOLDEN=write $(BIN)/python -m pytest tests/exports tests/docs
	$(BIN)/python scripts/make_backtest_docs.py

docs: $(VENV)/.dev ## write the generated pages and the JSON Schema anew
	$(BIN)/python scripts/make_cli_docs.py
	$(BIN)/python scripts/make_emulator_docs.py
	$(BIN)/python -c 'from planner.config import SCHEMA_FILE, schema_text; SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")'

bench: $(VENV)/.dev ## run the benchmarks; each prints ratios against a baseline of the same run
	$(BIN)/python benchmarks/history_load.py
	$(BIN)/python benchmarks/plan_speed.py
	$(BIN)/python benchmarks/replay.py
	$(BIN)/python benchmarks/emulator.py
	$(BIN)/python benchmarks/forecasters.py planner/data/sample
	$(BIN)/python benchmarks/scoreboard.py

lock: ## compile the lock files anew (needs uv)
	uv pip compile pyproject.toml --universal --group build --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements.lock -q
	uv pip compile pyproject.toml --universal --group dev --extra postgres --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c requirements.lock -o requirements-dev.lock -q
	uv pip compile --group audit --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements-audit.lock -q
	awk 'BEGIN {print "# The PostgreSQL driver, cut out of requirements-dev.lock by `make lock`."} /^[^ #]/ {on = /^psycopg/} on' requirements-dev.lock > deploy/requirements-postgres.lock
	uv pip compile pyproject.toml --universal --extra sls --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements.lock -o deploy/requirements-sls.lock -q
	awk 'BEGIN {print "# Log Service'"'"'s SDK, what it needs beside requirements.lock, by `make lock`."} NR == FNR {known[$$1]; next} /^[^ #]/ {on = !($$1 in known)} on' requirements.lock deploy/requirements-sls.lock > deploy/.sls && mv deploy/.sls deploy/requirements-sls.lock

$(AUDIT)/.done: requirements-audit.lock
	@echo "Installing the pinned auditing tools into $(AUDIT) ..."
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r requirements-audit.lock
	@touch $@

audit: $(AUDIT)/.done ## ask OSV, an advisory service on the internet, about every pinned package
	@$(AUDIT)/bin/python scripts/audit.py $(AUDIT)/bin/pip-audit requirements*.lock deploy/requirements-*.lock

sbom: $(AUDIT)/.done ## write dist/sbom.json: what the image's packages are pinned to, as CycloneDX
	@mkdir -p dist
	@cat requirements.lock deploy/requirements-postgres.lock | $(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file dist/sbom.json -
	@echo dist/sbom.json

clean: ## remove the environment and what the demo left
	rm -rf $(VENV) demo
