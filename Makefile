# The commands of this repository. `make help` lists them; nothing needs to be installed but Python 3.11 and git.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAGE = .ci/stage
SUITE := service-templates/conformance
PYTHON_STACK := service-templates/python

.PHONY: help install demo test foundation chassis fleet conformance conformance-table full bench lint docs locks golden clean vectors go

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

test: foundation vectors chassis go fleet conformance ## All that a change must pass

foundation: install ## Style, types, layers, unit, rule and golden tests, the wheel
	@$(STAGE) foundation $(BIN)/ruff check src tests bench demo.py
	@$(STAGE) foundation $(BIN)/ruff format --check --quiet src tests bench demo.py
	@$(STAGE) foundation $(BIN)/mypy
	@$(STAGE) foundation $(BIN)/lint-imports --no-cache
	@$(STAGE) foundation $(BIN)/python -m pytest -n auto tests/unit tests/rules tests/golden

vectors: install ## The reference model, its traces replayed by every chassis, and 1,000 seeds of a simulated fleet
	@$(STAGE) vectors .ci/vectors

chassis: install ## The Python chassis: style, types, layers, and its tests on real PostgreSQL and Kafka
	@$(STAGE) chassis .ci/chassis

go: install ## The Go chassis: format, vet, staticcheck, and its tests under the race detector on real PostgreSQL and Kafka
	@$(STAGE) go .ci/go

fleet: install ## Generated fleets: their own tests, on real servers, under faults, updated by copier
	@$(STAGE) fleet $(BIN)/python -m pytest tests/build tests/e2e -m "not full"

conformance: install ## The black-box suite on real servers: every promise of the chassis under faults, and mutants of it
	@$(STAGE) conformance $(BIN)/ruff check --quiet --config $(SUITE)/pyproject.toml $(SUITE)
	@$(STAGE) conformance $(BIN)/ruff format --check --quiet --config $(SUITE)/pyproject.toml $(SUITE)
	@$(STAGE) conformance $(BIN)/ruff check --quiet --config $(PYTHON_STACK)/chassis/pyproject.toml $(PYTHON_STACK)/conformance
	@$(STAGE) conformance $(BIN)/python -m pytest -c $(SUITE)/pyproject.toml $(SUITE)/scenarios -m "not full"

conformance-table: install ## All scenarios, the long ones too; what came out goes into the documentation
	@$(BIN)/python -m pytest -c $(SUITE)/pyproject.toml $(SUITE)/scenarios --results $(SUITE)/.results.json
	@$(BIN)/python $(SUITE)/table.py docs/reference/conformance.md $(SUITE)/.results.json

full: test ## Also what takes longer
	@$(STAGE) full $(BIN)/python -m pytest tests/build tests/e2e -m full
	@$(STAGE) full $(BIN)/python -m pytest -c $(SUITE)/pyproject.toml $(SUITE)/scenarios -m full

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
