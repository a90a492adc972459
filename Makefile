# `make demo` sets up and runs the main job, `make test` sets up and runs all checks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := build/stamps
CORE_SOURCES := $(shell find core CMakeLists.txt cmake -type f 2>/dev/null)
UI_SOURCES := $(shell find ui -type f -not -path 'ui/node_modules/*' -not -path 'ui/dist/*' 2>/dev/null)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint bench clean build dev core-test ui-test FORCE
.DEFAULT_GOAL := build

$(STAMPS)/venv:
	@mkdir -p $(STAMPS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q 'scikit-build-core>=1.1,<2' 'nanobind>=3.1,<4' ninja cmake
	@touch $@

# An editable install knows each module by its path: it is made anew when one is moved.
$(STAMPS)/modules: FORCE
	@mkdir -p $(STAMPS)
	@find src -name '*.py' | sort >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(STAMPS)/build: $(STAMPS)/venv $(STAMPS)/modules pyproject.toml $(CORE_SOURCES) $(UI_SOURCES)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pip install -q --no-build-isolation -e .
	$(BIN)/python -m compileall -q src/narthex
	@touch $@

$(STAMPS)/dev: $(STAMPS)/venv $(STAMPS)/modules pyproject.toml $(CORE_SOURCES) $(UI_SOURCES)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pip install -q --no-build-isolation -e '.[dev]'
	$(BIN)/python -m compileall -q src/narthex
	@touch $(STAMPS)/build $@

build: $(STAMPS)/build
dev: $(STAMPS)/dev

demo: build
	$(BIN)/narthex up $(DEMO_ARGS)

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $$(find core -name '*.cpp' -o -name '*.h')

core-test: $(STAMPS)/venv
	PATH="$(abspath $(BIN)):$$PATH" sh core/tests/run.sh

ui-test: dev
	cd ui && npm test --silent

test: dev lint core-test ui-test
	$(BIN)/pytest -n 2 --dist loadfile

bench: dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf build $(VENV) ui/node_modules ui/dist src/narthex/web/static src/narthex/native/*.so
