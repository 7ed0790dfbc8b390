# make demo: a whole simulated business day. make test: the whole test-suite. Both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOLDERS := codecs mac messages einvoice reconcile gateway simulators
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: demo test coverage lint format bench bench-full fuzz docs clean

$(VENV)/.installed: pyproject.toml
	@echo "== making $(VENV) and installing nontax-gateway"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --editable .
	@$(BIN)/python -m compileall -q $(FOLDERS)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	@echo "== installing the development extra"
	@$(PIP) install --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	@echo "== playing a business day against a real gateway"
	@$(BIN)/nontax-sim demo --out build/demo

test: $(VENV)/.installed-dev
	@echo "== running the tests"
	@$(BIN)/pytest $(PYTEST_ARGS)

coverage: $(VENV)/.installed-dev
	@echo "== running the tests with branch coverage"
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(VENV)/.installed-dev
	@echo "== lint, format, types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python tests/typecheck.py

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m benchmarks

bench-full: $(VENV)/.installed-dev
	@$(BIN)/python -m benchmarks --full

fuzz: $(VENV)/.installed-dev
	@echo "== property tests with many more examples"
	@NONTAX_FUZZ=1 $(BIN)/pytest tests/property --timeout 900 $(PYTEST_ARGS)

docs: $(VENV)/.installed-dev
	@$(BIN)/python docs/generate.py

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
