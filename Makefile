# `make help` says what there is. A stamp in .venv records each install, so that a second make starts at once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile
GROUND := pyproject.toml constraints.txt

.PHONY: help demo test test-slow check lint types format docs smoke clean
.DEFAULT_GOAL := check

help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The package alone (what a user has)
$(VENV)/.installed: $(GROUND) | $(BIN)/python
	$(PIP) -e .
	@touch $@

# The package and the tools
$(VENV)/.installed-test: $(GROUND) | $(BIN)/python
	$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(GROUND) | $(BIN)/python
	$(PIP) -e '.[docs]'
	@touch $@ $(VENV)/.installed

# --- demo: a word -> shapes -> labels -> student -> score and picture ----------------------------------------------
# All on embedded parts. Without real shapes at DEMO_REAL the student is scored on fresh generated ones, which is said.
GEN3D := $(BIN)/gen3d
DEMO ?= runs/demo
DEMO_CATEGORY ?= chair
DEMO_REAL ?= ../shared/data/psb

demo: $(VENV)/.installed ## the whole chain on one category: runs/demo
	$(GEN3D) generate --preset demo --category $(DEMO_CATEGORY) --out $(DEMO)/generated
	$(GEN3D) label $(DEMO)/generated --preset demo
	$(GEN3D) distill --preset demo --category $(DEMO_CATEGORY) --generated $(DEMO)/generated --out $(DEMO)/student
	@if [ -d "$(DEMO_REAL)" ]; then \
	  set -x; $(GEN3D) eval --preset demo --student $(DEMO)/student --dataset psb --root $(DEMO_REAL) --out $(DEMO); \
	else \
	  echo "no real shapes at $(DEMO_REAL): scoring on 24 fresh generated shapes instead (exact labels, not human ones)"; \
	  set -x; $(GEN3D) generate --category $(DEMO_CATEGORY) --n 24 --seed 1 --out $(DEMO)/fresh && \
	  $(GEN3D) eval --preset demo --student $(DEMO)/student --dataset collection --root $(DEMO)/fresh --out $(DEMO); \
	fi

# Static checks first: they take seconds
test: lint types ## lint, types, tests
	@$(PYTEST)

test-slow: $(VENV)/.installed-test ## the tests that train something for longer
	@$(PYTEST) -m slow

check: test ## the same as test: what must pass before a change goes in

lint: $(VENV)/.installed-test ## ruff: rules and format
	@$(BIN)/ruff check; status=$$?; $(BIN)/ruff format --check --diff && exit $$status

types: $(VENV)/.installed-test ## pyright
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.installed-test ## ruff's own changes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Every warning is an error: a dead link, a page that is in no menu. (With --quiet mkdocs counts none.)
docs: $(VENV)/.installed-docs ## the documentation: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

smoke: $(VENV)/.installed-test ## the built wheel, alone in a new environment
	@$(BIN)/python tests/smoke.py

clean: ## removes .venv and all that was built
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
