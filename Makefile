# Every target sets up what it needs, which takes some minutes the first time: TensorFlow is a 600 MB download.
PYTHON ?= python3
RUN ?= mnist-mlp

export PATH := $(CURDIR)/.venv/bin:$(PATH)

# True without a repository in this folder or above it, as in a ZIP from the web: DVC must then be told that there is none.
NO_GIT := cd -P . && until [ -e .git ] || [ "$$PWD" = / ]; do cd ..; done; [ ! -e .git ]

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /\1	/' | expand -t 12

.PHONY: install
install: .venv/installed ## Set up .venv with the exact versions of constraints.txt

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "error: TensorFlow needs Python 3.11, 3.12 or 3.13, and this is Python %d.%d; name another: make $(MAKECMDGOALS) PYTHON=python3.12" % v)'
	@if [ -L .venv ]; then echo "error: .venv: expected a folder of this project, received a link, whose environment would be emptied; remove the link and run make again" >&2; exit 1; fi
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar on --constraint constraints.txt 'pip>=25.1'
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar on --constraint constraints.txt --editable '.[s3]' --group dev
	@touch $@

.PHONY: git
git:
	@if $(NO_GIT); then echo "note: no git repository, so results will have no history: dvc params diff, dvc exp run and make compare need one; to have it: git init && git add --all && git commit -m Start" >&2; fi

.PHONY: repro
repro: git install ## Run the stages that are out of date, then show the metrics
	@if ($(NO_GIT)); then dvc config core.no_scm true; elif grep -q no_scm .dvc/config; then dvc config --unset core.no_scm; fi
	dvc repro
	dvc metrics show

.PHONY: test
test: check ## Lint, check types, run the tests
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: check
check: install ## Lint and check types
	ruff format --check .
	ruff check .
	mypy

.PHONY: format
format: install ## Format the code
	ruff format .
	ruff check --fix .

.PHONY: compare
compare: install ## Show the experiments of a run: make compare RUN=mnist-mlp
	@python -m stages.compare $(RUN)

.PHONY: schemas
schemas: install ## Write the JSON Schemas of the YAML files, for editors
	python -m stages.schemas

.PHONY: report
report: install ## Write report.html: all runs and their plots on one page that needs no network
	@python -m stages.report

.PHONY: bench
bench: install ## Time training and the whole job against the tutorials' own code, in pairs: an estimated 70 minutes
	python -m benchmarks.training
	python -m benchmarks.accuracy
	python -m benchmarks.job
