# Two commands are all that a newcomer needs: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SPREAD := -n auto --dist loadfile
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check ci full bench fmt install clean lock

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Seamwatch needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11.") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

install: $(BIN)/.installed

# With a real broker as well: SEAMWATCH_DEMO_KAFKA=host:port, or Java 17 and Maven for one of its own; none for neither.
demo: install
	@$(BIN)/python -m deploy.demo.run

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(SPREAD) -m "not slow and not real"

test: install
	$(BIN)/python -m pytest -q $(SPREAD)

ci: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	SEAMWATCH_REQUIRE_ALL=1 $(BIN)/python -m pytest -q $(SPREAD) --durations=15

full: ci

bench: install
	$(BIN)/python -m tests.bench.run

fmt: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --extra postgres --extra kafka --extra protobuf --group dev -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
