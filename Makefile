# What a user types. Each target makes the virtual environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo zoo test parity proof bench lint format clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(PIP) --editable ".[examples]"
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	$(PIP) --editable ".[examples,test]"
	touch $@

demo: $(VENV)/demo.stamp          ## train on real handwritten digits, draw the graph
	$(BIN)/python -m tinygrad_lite demo

zoo: $(VENV)/demo.stamp           ## run every model of the lectures, make runs/zoo/index.html
	$(BIN)/python -m tinygrad_lite zoo --page

test: $(VENV)/test.stamp          ## all tests but the slow proofs and the comparison with PyTorch
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 -m "not proof and not parity"

parity: $(VENV)/test.stamp        ## compare with PyTorch, where it is installed in $(VENV)
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 -m parity || test $$? -eq 5  # 5: no test was there to run

proof: $(VENV)/test.stamp         ## learning runs and long fuzzing
	$(BIN)/python -m pytest -m proof

bench: $(VENV)/test.stamp         ## time against the peers that are installed in $(VENV)
	$(BIN)/python -m benchmarks

lint: $(VENV)/test.stamp          ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/test.stamp        ## bring all files to the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:                            ## all that can be made again
	rm -rf $(VENV) build dist runs *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
