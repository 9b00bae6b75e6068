PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-jax lint bench figures

demo: $(INSTALLED)
	@mkdir -p demo
	$(BIN)/muspipe simulate --recording demo/recording.h5 --truth demo/truth.h5 --units 15 --snr-db 20 --seed 2020 --overwrite
	$(BIN)/muspipe identify demo/recording.h5 --out demo/result --truth demo/truth.h5 --overwrite
	@echo
	@echo "Look at demo/result/figure.png: territories and twitch trains found, the truth dashed."

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The same code under JAX, in an environment of its own.
test-jax: .venv-jax/.installed
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest tests/models tests/training tests/identification tests/mrcnn/test_parts.py \
		tests/mrcnn/test_helper_parity.py tests/mrcnn/test_inference_parity.py tests/mrcnn/test_loss_parity.py

.venv-jax/.installed: setup.py
	test -x .venv-jax/bin/python || $(PYTHON) -m venv .venv-jax
	.venv-jax/bin/python -m pip install --quiet --disable-pip-version-check -e ".[test,jax]"
	@touch $@

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(INSTALLED)
	@set -e; for script in experiments/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script; done

# The figures of the paper that need no evaluation or training of yours, beside their scripts.
FIGURES := experiments/fig07_08.py experiments/fig11.py experiments/fig12_13.py

figures: $(INSTALLED)
	@set -e; for script in $(FIGURES); do $(BIN)/python $$script; done

# The stamp makes the installation happen once, and again when the dependencies change.
$(INSTALLED): setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@
