# make        set up .venv and do the main job: train, evaluate, read sample images, say where to look
# make test   run the tests                       make test-slow   the long ones
# make check  format, lint, types, tests          make test-long   the longest, before a release
# make docs   build the documentation site
# make clean  remove .venv and what was built

PYTHON ?= python3
BIN := .venv/bin

.PHONY: all test test-slow test-long check lint format docs clean

all: .venv/.ready
	@$(BIN)/python -m seesum train fast
	@$(BIN)/python -m seesum predict --run latest --random 25 --plot runs/predictions.png >/dev/null
	@$(BIN)/python -m seesum evaluate latest
	@$(BIN)/python -m seesum predict examples/three.png examples/seven.png examples/nine.jpg --add 7 --run latest
	@echo
	@echo "Look at runs/predictions.png (25 random test images) and at the report of the run, one page to open in a browser:"
	@echo "    $$(ls -td runs/fast-*/report.html | head -n 1)"
	@echo "Your own picture:"
	@echo "    .venv/bin/seesum predict PICTURE --add 7"
	@echo "A page to draw on, in the browser:"
	@echo "    .venv/bin/seesum serve --open"

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "seesum needs Python 3.11 or newer; say which with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[web]'
	@touch $@

.venv/.ready-dev: .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

test: .venv/.ready-dev
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: .venv/.ready-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m "slow and not alone and not long"
	$(BIN)/python -m pytest -m alone

test-long: .venv/.ready-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m long

lint: .venv/.ready-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: .venv/.ready-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

check: format lint test

docs: .venv/.ready-dev
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "The site is in docs/_build/html; open docs/_build/html/index.html"

clean:
	rm -rf .venv dist docs/_build docs/reference/commands.md docs/reference/http-api.md docs/reference/python.md
