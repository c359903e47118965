# make demo | test (lint, types, tests; check is the same) | test-slow | lint | types | format | clean
# A stamp in .venv records each install, so that a second make starts at once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile
GROUND := pyproject.toml constraints.txt

.PHONY: demo test test-slow check lint types format clean
.DEFAULT_GOAL := check

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

# --- demo: a word -> shapes -> labels -> student -> score and picture ----------------------------------------------
# All on embedded parts. Without real shapes at DEMO_REAL the student is scored on fresh generated ones, which is said.
GEN3D := $(BIN)/gen3d
DEMO ?= runs/demo
DEMO_CATEGORY ?= chair
DEMO_REAL ?= ../shared/data/psb

demo: $(VENV)/.installed
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
test: lint types
	@$(PYTEST)

test-slow: $(VENV)/.installed-test
	@$(PYTEST) -m slow

check: test

lint: $(VENV)/.installed-test
	@$(BIN)/ruff check; status=$$?; $(BIN)/ruff format --check --diff && exit $$status

types: $(VENV)/.installed-test
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
