# Every target sets up what it needs. The first time that takes some minutes: TensorFlow is a 600 MB download.
PYTHON ?= python3
RUN ?= mnist-mlp

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help
help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /\1	/' | expand -t 12

.PHONY: install
install: .venv/installed ## Set up .venv with the exact versions of constraints.txt

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "error: TensorFlow needs Python 3.11, 3.12 or 3.13, and this is Python %d.%d; name another: make $(MAKECMDGOALS) PYTHON=python3.12" % v)'
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar on --constraint constraints.txt 'pip>=25.1'
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar on --constraint constraints.txt --editable '.[s3]' --group dev
	@touch $@

.PHONY: repro
repro: install ## Run what is out of date: download, preprocess, train, evaluate, predict; then show the metrics
	dvc repro
	dvc metrics show

.PHONY: test
test: check ## Lint, check the types, run the tests
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: check
check: install ## Lint and check the types
	ruff format --check .
	ruff check .
	mypy

.PHONY: format
format: install ## Put the code into shape
	ruff format .
	ruff check --fix .

.PHONY: compare
compare: install ## Show the experiments of a run: make compare RUN=mnist-mlp
	@python -m stages.compare $(RUN)

.PHONY: schemas
schemas: install ## Write the JSON Schemas that editors complete YAML by, after a change to what it may say
	python -m stages.schemas

.PHONY: report
report: install ## Put all runs and their pictures into one page that needs no network: report.html
	@python -m stages.report

.PHONY: bench
bench: install ## Time the training against the tutorials' own code, in pairs, and the whole job: an estimated 70 minutes
	python -m benchmarks.training
	python -m benchmarks.accuracy
	python -m benchmarks.job
