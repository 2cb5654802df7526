# make demo and make test do all the set-up; neither needs the other.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint wheel docs benchmark clean

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "privaudit needs Python 3.11 or newer; run: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' || { echo "installation failed; to start afresh: rm -rf $(VENV) && make $(MAKECMDGOALS)"; exit 1; }
	@touch $@

demo: $(STAMP)
	$(BIN)/privaudit run

test: $(STAMP)
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadfile --no-loadscope-reorder || { echo "to repeat what failed: $(BIN)/python -m pytest --last-failed"; exit 1; }

lint: $(STAMP)
	$(BIN)/ruff format --check . || { echo "mend with: $(BIN)/ruff format ."; exit 1; }
	$(BIN)/ruff check . || { echo "mend with: $(BIN)/ruff check --fix ."; exit 1; }
	$(BIN)/mypy || { echo "repeat with: $(BIN)/mypy"; exit 1; }
	$(BIN)/lint-imports --no-cache || { echo "a room imports upwards; the order stands in pyproject.toml; repeat with: $(BIN)/lint-imports"; exit 1; }

wheel: $(STAMP)
	$(BIN)/python tests/wheel_check.py || { echo "repeat with: make wheel; packages are listed in pyproject.toml, tool.setuptools"; exit 1; }

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs || { echo "repeat with: make docs"; exit 1; }

benchmark: $(STAMP)
	for part in attacks lira ratio_attacks bounds posterior betting accounting training training_quality; do $(BIN)/python -m tests.benchmarks.$$part || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info
