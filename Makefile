# `make` lists the targets. `make serve` and `make test` do all their own set-up.

PYTHON_LINE = import sys, venv, ensurepip; raise SystemExit(sys.version_info < (3, 12))
UV = uv==0.13.8
BIN = .venv/bin
RUN = $(BIN)/python -m
PORT = 8000
export NO_MKDOCS_2_WARNING = 1
export PYTHONPATH = .

# Programs are run as modules: the scripts in .venv/bin name the folder where they were installed, which may have moved since.
help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## ?/  make \1	/' | expand -t 16

serve: .venv/ready  ## build the site, show it on http://127.0.0.1:8000 (or PORT=8001), follow every edit
	$(RUN) mkdocs serve --dev-addr 127.0.0.1:$(PORT)

build: .venv/ready  ## build the site into site/
	$(RUN) mkdocs build --strict

test: .venv/ready chromium  ## everything that says whether the site is right
	$(RUN) ruff check .
	$(RUN) pytest -n auto --dist loadfile --no-loadscope-reorder
	PATH="$(CURDIR)/$(BIN):$$PATH" $(RUN) pytest --codeblocks README.md README.en.md

record: .venv/ready  ## on a machine with an NVIDIA GPU: run the GPU cells and keep their outputs
	$(RUN) tools.record

screens: .venv/ready chromium  ## start TensorBoard on what its chapter writes, and keep its screen
	$(RUN) tools.screens

bench: .venv/ready  ## measure the build, beside plain MkDocs and plain mkdocs-jupyter
	$(RUN) tools.bench

picture: .venv/ready chromium  ## draw the picture of a page that README shows
	$(RUN) mkdocs build --strict
	$(RUN) tools.picture

lock: .venv/ready  ## pin all that requirements.txt needs in turn, for every platform
	$(RUN) uv pip compile -q --upgrade requirements.txt --universal --python-version 3.12 --no-annotate --no-header -o constraints.txt

clean:  ## remove the environment, the caches and the site
	rm -rf .venv .cache site .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment of exactly requirements.txt and constraints.txt, made again when either changes.
# An interpreter is tried, not just looked for: pyenv leaves commands that fail when they are run.
.venv/ready: requirements.txt constraints.txt
	@for python in $(PYTHON) python3.12 python3.13 python3.14 python3 python; do \
	  if $$python -c '$(PYTHON_LINE)' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.12 or newer, with venv, is needed and was not found: install it, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	$(BIN)/python -c '$(PYTHON_LINE)' >/dev/null 2>&1 || { rm -rf .venv; $$found -m venv .venv; }
	$(RUN) pip install --quiet --disable-pip-version-check $(UV)
	$(RUN) uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt -c constraints.txt
	@touch $@

# A browser for the tests: the one that is there, else Debian's, if we may install it.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  echo "installing chromium for the browser tests"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; } || { \
	  echo "the browser tests need Chromium: install it (Debian: apt-get install chromium), then run make test again" >&2; exit 1; }; }

.PHONY: help serve build test record screens bench picture lock clean chromium
.DEFAULT_GOAL := help
