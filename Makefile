# The commands of this repository. `make help` lists them; nothing needs to be installed but Python 3.11 and git.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAGE = .ci/stage

.PHONY: help install demo test foundation chassis fleet full bench lint docs locks golden clean

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed ## The environment in .venv, from pinned and hashed packages

$(VENV)/.installed: requirements/dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

demo: install ## Generate the example fleet, start it on real servers, run its transactions, show the trace
	@$(BIN)/python demo.py

test: foundation chassis fleet ## All that a change must pass

foundation: install ## Style, types, layers, unit, rule and golden tests, the wheel
	@$(STAGE) foundation $(BIN)/ruff check src tests bench demo.py
	@$(STAGE) foundation $(BIN)/ruff format --check --quiet src tests bench demo.py
	@$(STAGE) foundation $(BIN)/mypy
	@$(STAGE) foundation $(BIN)/lint-imports --no-cache
	@$(STAGE) foundation $(BIN)/python -m pytest -n auto tests/unit tests/rules tests/golden

chassis: install ## The Python chassis: style, types, layers, and its tests on real PostgreSQL and Kafka
	@$(STAGE) chassis .ci/chassis

fleet: install ## Generated fleets: their own tests, on real servers, under faults, updated by copier
	@$(STAGE) fleet $(BIN)/python -m pytest tests/build tests/e2e -m "not full"

full: test ## Also what takes longer
	@$(STAGE) full $(BIN)/python -m pytest tests/build tests/e2e -m full

bench: install ## Speed and memory of generating and updating, as ratios of one run
	@$(BIN)/python bench/generate.py
	@$(BIN)/python bench/update.py

golden: install ## Accept the rendered trees as the new expectation
	@$(BIN)/python -m pytest tests/golden tests/rules tests/unit/report tests/unit/analysis tests/unit/spec/test_reference.py tests/unit/wizard/test_dialogue.py tests/unit/test_published.py --update-golden

docs: install ## The documentation site in site/
	@$(BIN)/mkdocs build --strict --quiet

locks: ## Resolve the pinned packages again
	@cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url runtime.in -o runtime.lock
	@cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url dev.in -o dev.lock
	@cd service-templates/python/chassis && for name in requirements requirements-dev; do \
	  $(CURDIR)/$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url $$name.in -o $$name.lock; done

clean: ## Remove what was built here
	@rm -rf $(VENV) site dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
