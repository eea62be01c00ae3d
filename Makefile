# make demo: install into .venv and look at a map of flagged farmland. make test: the whole suite.
# WHEELS=dir installs from a folder of wheels, with no network (make wheels fills one).
PYTHON ?= python3
VENV   ?= .venv
WHEELS ?=
BIN    := $(VENV)/bin
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(WHEELS),--no-index --find-links "$(abspath $(WHEELS))") -c constraints.txt

.PHONY: demo test soak check bench wheels clean

demo: $(VENV)/.installed
	@$(BIN)/gengxun demo --dir demo

test: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -m "not soak" -n 2 --dist loadfile

soak: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -m soak --timeout 3600 -v

check: $(VENV)/.installed-test
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(VENV)/.installed-test
	@$(BIN)/python -m tests.benchmarks.scale && $(BIN)/python -m tests.benchmarks.overlay && $(BIN)/python -m tests.benchmarks.accuracy

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or later, or name yours: make PYTHON=/path/to/python3 demo" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version 2>&1) is too old: install Python 3.11 or later, or name it: make PYTHON=python3.12 demo" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "this Python has no ensurepip: install it (Debian, Ubuntu: sudo apt install python3-venv) and run make again" >&2; exit 2; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing what constraints.txt pins (a few minutes the first time) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing what constraints.txt pins, and what the tests need ..."
	@$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.installed

wheels: $(VENV)/bin/python
	@$(BIN)/python -m pip download --quiet -c constraints.txt -d $(or $(WHEELS),wheels) '.[test]' 'setuptools>=77'

clean:
	rm -rf $(VENV) demo build *.egg-info
