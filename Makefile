PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-jax test-openhdemg test-browser lint bench figures replicate-small

demo: $(INSTALLED)
	@mkdir -p demo
	$(BIN)/muspipe simulate --recording demo/iq.h5 --truth demo/truth.h5 --scenario echo --iq --units 10 --snr-db 25 --seed 2020 --overwrite
	$(BIN)/muspipe identify demo/iq.h5 --out demo/result --truth demo/truth.h5 --overwrite
	@echo
	@echo "Look at demo/result/figure.png: territories and twitch trains found, the truth dashed."
	@echo "Open demo/result/report.html in a browser: every unit by itself."

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

# What openhdemg makes of our file, in an environment of its own, as it pins what it needs.
test-openhdemg: $(INSTALLED) .venv-openhdemg/.installed
	$(BIN)/python -m pytest -m slow tests/export/test_openhdemg.py tests/commands/test_walk.py

.venv-openhdemg/.installed:
	test -x .venv-openhdemg/bin/python || $(PYTHON) -m venv .venv-openhdemg
	.venv-openhdemg/bin/python -m pip install --quiet --disable-pip-version-check "openhdemg>=0.1,<0.2"
	@touch $@

# The report in a real browser: Debian's Chromium and its driver, and Selenium's client, are installed if missing.
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)

test-browser: $(INSTALLED)
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
		{ $(SUDO) apt-get update && $(SUDO) apt-get install --yes --no-install-recommends chromium chromium-driver; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,browser]"
	$(BIN)/python -m pytest -rs tests/report/test_browser.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(INSTALLED)
	@set -e; for script in experiments/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script; done

# The figures of the paper and those of methods, beside their scripts, from what is stored here: results/, replicate/ and
# the networks that come with muspipe.
FIGURES := experiments/fig04.py experiments/fig05.py experiments/fig06.py experiments/fig07_08.py experiments/fig09.py \
	experiments/fig10.py experiments/fig11.py experiments/fig12_13.py experiments/methods.py

figures: $(INSTALLED)
	@set -e; for script in $(FIGURES); do $(BIN)/python $$script; done

# The whole experiment of the paper with its own networks, at a scale of minutes; then, that nothing is missing.
SMALL := replicate-small
NUMBERS := 04 05 06 07 08 09 10 11 12 13

replicate-small: $(INSTALLED)
	rm -rf $(SMALL)
	$(BIN)/python experiments/replicate.py --out $(SMALL) --random-start --scale 0.001 --jobs 2
	@set -e; for number in $(NUMBERS); do test -s $(SMALL)/figures/fig$$number.png; done
	@grep -q "| Fig. 4B |" $(SMALL)/table.md && test -s $(SMALL)/table.csv

# The stamp makes the installation happen once, and again when the dependencies change.
$(INSTALLED): setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@
