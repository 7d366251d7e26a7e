# Every target first sets up its environment (scripts/bootstrap.py), so `make demo` and `make test` work on
# a bare machine.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
# One worker per core; the tests of a file run on one worker, because they share fixtures.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope

.PHONY: help install demo test test-data test-slow test-all lint format docs bench-recipes bench-serving bench-scale bench-quality bench-defaults bench-gowalla bench-train bench-multi-task bench-aliccp bench-etl clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install uv, Python and the locked packages into .tools and .venv
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2> /dev/null || { \
	  echo 'make: expected python3 (3.8 or newer) on PATH, found none. Install it.' >&2; \
	  echo '      Debian, Ubuntu: apt-get install python3' >&2; exit 1; }
	@python3 scripts/bootstrap.py

demo: install ## From the MovieLens files to recommendations from a Triton server
	$(BIN)/shortlist demo

test: install ## All tests except the slow ones; GPU tests only with a GPU
	$(PYTEST) -m "not slow"

test-data: install ## Recipes and sources on the real data sets in SHORTLIST_DATA
	$(PYTEST) -m data

test-slow: install ## Notebooks, container images, the other recipes, and whatever takes minutes
	$(PYTEST) -m slow

test-all: install ## All tests: test, test-slow and test-data
	$(PYTEST)

lint: install ## Run ruff (lint and format) and mypy without changing files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: install ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: install ## Generate the reference pages of docs/ from the code
	$(BIN)/python -m scripts.reference

bench-recipes: install ## Every recipe on its real data, three seeds, against what the pages quote; takes hours
	$(BIN)/python -m benchmarks.recipes

bench-serving: install ## Latency and throughput of serving, against the stock graph
	$(BIN)/python -m benchmarks.serving

bench-scale: install ## Serving with ten thousand to five million items
	$(BIN)/python -m benchmarks.scale

bench-quality: install ## The funnel against baselines, its parts, and itself without one part
	$(BIN)/python -m benchmarks.quality

bench-defaults: install ## Recipes that only name columns, against simple methods, on SHORTLIST_DATA
	$(BIN)/python -m benchmarks.defaults

bench-gowalla: install ## The same on Gowalla, from SHORTLIST_DATA; takes over an hour
	$(BIN)/python -m benchmarks.quality --recipe gowalla --without ablation boosted \
	  --baselines popularity ItemKNN

bench-train: install ## Rows per second and seconds to the same recall, against stock Merlin Models
	$(BIN)/python -m benchmarks.train

bench-multi-task: install ## One model for retrieval and ratings against one for each
	$(BIN)/python -m benchmarks.multi_task

bench-aliccp: install ## Seconds and memory of each step at four million rows
	$(BIN)/python -m benchmarks.aliccp

bench-etl: install ## Data preparation against NVTabular and hand-written Polars
	$(BIN)/python -m benchmarks.etl

clean: ## Remove artifacts and caches (keep the environment and downloaded data)
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +
	if [ -d artifacts ]; then find artifacts -mindepth 1 -maxdepth 1 -not -name downloads -exec rm -rf {} +; fi
