# The tasks of this repository. `make` runs what CI runs.
PY ?= .venv-test/bin/python

.PHONY: all venv check test docs library calibration bench

all: check test

venv:
	python3 -m venv .venv-test && .venv-test/bin/pip install --quiet -e '.[dev]'

check:
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && $(dir $(PY))lint-imports

test:
	$(PY) -m pytest -n 2

docs:
	$(PY) tools/write_cli_docs.py

# The next three need the open data: make library DATA=…
library:
	$(PY) tools/build_library.py $(DATA)

calibration:
	$(PY) -m benchmarks.lineage.fit $(DATA)
	$(PY) -m benchmarks.lineage.evaluate --out fingerprint/data/validation.json
	$(PY) tools/build_landmarks.py
	$(PY) -m benchmarks.lineage.figures

bench:
	$(PY) -m benchmarks.speed --data $(DATA)/alpaca_eval
	$(PY) -m benchmarks.lineage.evaluate $(DATA)
	$(PY) -m benchmarks.lineage.labels $(DATA)
	$(PY) -m benchmarks.identity $(DATA)
	$(PY) -m benchmarks.peers.run $(DATA)
