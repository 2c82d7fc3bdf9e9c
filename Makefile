# The commands of the project. Every target sets up what it needs by itself.
# make demo ARGS="--trucks 3"    make test    make check    make bench    make ci
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    := $(BIN)/python -m terminal.cli
ARGS   ?=
SEEDS  ?= 100
SECONDS ?= 10

.PHONY: setup demo run check test model mutants sim fuzz replay bench bench-anpr bench-uplink ci clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt images/setup-venv
	PYTHON="$(PYTHON)" VENV="$(VENV)" sh images/setup-venv
	@touch $@

demo: setup ## a whole lane on simulated chips, console on http://127.0.0.1:8080
	$(RUN) demo $(ARGS)

run: setup ## the terminal with terminal.toml
	$(RUN) run $(ARGS)

check: setup ## lint, types, import directions, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/tidy

# Process tests run real processes in real time. What a busy machine has disturbed is run once
# more by itself; what fails twice has failed.
test: setup ## unit, property, contract and process tests
	$(BIN)/python -m pytest -q tests/tidy tests/unit tests/property tests/contract tests/scenarios tests/fuzz tests/mutants tests/replay tests/disk
	$(BIN)/python -m pytest -q tests/process || $(BIN)/python -m pytest -q --last-failed tests/process

model: setup ## exhaustive search of the decision core
	$(BIN)/python -m pytest -q -s tests/model

mutants: setup ## every shifted comparison, constant and row of the core must be noticed
	$(BIN)/python -m tests.mutants $(ARGS)

sim: setup ## the whole terminal under virtual time and faults
	$(BIN)/python -m pytest -q tests/sim
	$(BIN)/python -m tests.sim --seeds $(SEEDS) $(ARGS)

fuzz: setup ## every reader of foreign bytes, SECONDS each (guided when atheris is there)
	$(BIN)/python -m pip install --quiet -c constraints.txt atheris || true
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

replay: setup ## recorded traces through today's code
	$(BIN)/python -m pytest -q tests/replay

bench: setup ## the measured figures, as tables
	$(BIN)/python -m tests.bench $(ARGS)

bench-anpr: setup ## accuracy and cost of plate reading: the open set and the drawn suites
	$(BIN)/python -m tests.bench.bench_anpr

bench-uplink: setup ## the uplink's figures over emulated links (needs root)
	$(BIN)/python -m tests.bench.bench_uplink $(ARGS)

kernel: setup ## drivers and a whole lane on the lines of a real kernel (User-mode Linux)
	$(BIN)/python -m pip install --quiet -c constraints.txt 'spidev>=3.6'
	sh tests/kernel/build-uml
	KERNEL_RUNG=required $(BIN)/python -m pytest -q -s tests/kernel/test_rung.py

camera: setup ## the camera driver on real picamera2 and libcamera
	sh tests/camera/build-root
	CAMERA_RUNG=required $(BIN)/python -m pytest -q -s tests/camera/test_rung.py

arm64: setup ## our wheels on aarch64, the same decisions and masses, lgpio on a Raspberry Pi 3
	PYTHON=$(BIN)/python sh tests/arm64/build-root
	ARM64_RUNG=required $(BIN)/python -m pytest -q -s tests/arm64

bench-pi: setup ## on a Raspberry Pi only: checklist and report of what nothing else can show
	PYTHON=$(BIN)/python sh images/bench-pi $(ARGS)

ci: check test model mutants sim

clean:
	rm -rf $(VENV) .cache .models run demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
