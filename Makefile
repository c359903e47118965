# make demo | test | test-slow | check | lint | types | format | clean
# A stamp in .venv records each install, so that a second make starts at once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
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

# --- demo: word -> shapes -> labels -> student -> score ----------------------------------------------------------
# LEAD: finalise the verbs and options below once cli/ stands; everything that varies is a variable.
GEN3D := $(BIN)/gen3d
DEMO ?= runs/demo
DEMO_CATEGORY ?= chair
DEMO_SHAPES ?= 300
DEMO_SEED ?= 0
DEMO_REAL ?= ../shared/data/psb

demo: $(VENV)/.installed
	$(GEN3D) generate --category $(DEMO_CATEGORY) --n $(DEMO_SHAPES) --seed $(DEMO_SEED) --out $(DEMO)/generated
	$(GEN3D) label $(DEMO)/generated
	$(GEN3D) distill $(DEMO)/generated --seed $(DEMO_SEED) --out $(DEMO)/student
	$(GEN3D) eval $(DEMO)/student --dataset psb --root $(DEMO_REAL)
# --- end of demo -------------------------------------------------------------------------------------------------

test: $(VENV)/.installed-test
	@$(PYTEST)

test-slow: $(VENV)/.installed-test
	@$(PYTEST) -m slow

# Static checks first: they take seconds
check: lint types test

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
