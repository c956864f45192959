# make demo, make test: everything a fresh Debian machine with Python 3.11, make and git needs is set up first.
# make demo takes the package alone; everything else what developers need besides.

export PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
READY := .venv/.ready
SETUP := pyproject.toml constraints.txt .ci/system-packages .ci/install hatch_build.py \
	$(wildcard testbed/native/*.[chp]*)
# Labs and programs wait in real time: a few more workers than cores keep the cores busy.
WORKERS ?= $(shell echo $$(( $$(nproc) + 2 )))
# Of the captures `make bench` inspects: some 0.45 M packets, 100 MB; more than 1 GB.
CONNECTIONS ?= 18500 190000
SECONDS ?= 300
ROUNDS ?= 20
LOOPS ?= $(shell nproc)
LABS ?= 10000
RELAYS := postfix,exim,opensmtpd,sendmail,haraka
comma := ,
# As tests/lab/catalogue/systems.py has them.
COMPARED := $(wildcard scenarios/*.yaml) $(addprefix scenarios/,connection crash dialogue dns extensions framing \
	notifications queue replies tls)

.PHONY: help demo test lint bench fuzz attack reproduce soak docs compared captures clean

help:
	@echo "make demo    set up, run the demonstration"
	@echo "make test    set up, run all tests"
	@echo "make lint    ruff and mypy --strict"
	@echo "make bench   measure speed, as ratios within one run"
	@echo "make fuzz    feed readers, dialogues and outputs with hostile input, SECONDS=300"
	@echo "make attack  dear captures, hostile scenarios and options for SECONDS=300 each, 10,000 clients that hang up"
	@echo "make reproduce  a scenario of each reference trace, played: how many tell the same"
	@echo "make soak    play every scenario ROUNDS=20 times beside LOOPS busy loops, and compare with captures/;"
	@echo "             then LABS=10000 labs in a row, and what is left of them"
	@echo "make docs    write the generated parts of the docs again, and build their site"
	@echo "make compared  play the catalogue with every ready-made relay again"
	@echo "make captures  record the reference traces that changed again"

$(INSTALLED): $(SETUP)
	@.ci/system-packages
	@.ci/install .
	@touch $@

$(READY): $(SETUP)
	@.ci/system-packages tshark:tshark tcpdump:tcpdump faketime:faketime swaks:swaks curl:curl cc:gcc
	@.ci/install '.[dev]'
	@touch $(INSTALLED) $@

demo: $(INSTALLED)
	@$(BIN)/testbed demo

test: $(READY)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python tests/bench/bench.py
	@$(BIN)/python tests/bench/bench_labs.py
	@$(BIN)/python tests/bench/bench_inspect.py $(CONNECTIONS)
	@$(BIN)/python tests/bench/bench_pages.py

fuzz: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz.native --seconds $$(( $(SECONDS) / 5 + 1 ))
	@$(BIN)/python tests/fuzz/fuzz.py --seconds $(SECONDS)

attack: $(READY)
	@$(BIN)/python tests/attack/replay.py --seconds $(SECONDS)
	@$(BIN)/python tests/attack/clients.py

# Every reference trace made a scenario of and played, not a sample as in the tests.
reproduce: $(READY)
	@REPRODUCE=all $(BIN)/python -m pytest -q -s tests/reproduce/test_references.py

soak: $(READY)
	@$(BIN)/python -m tests.lab.soak $(ROUNDS) --burners $(LOOPS)
	@$(BIN)/python tests/bench/bench_labs.py $(LABS)

docs: $(READY)
	@$(BIN)/testbed schema > docs/scenario.schema.json
	@$(BIN)/python -m testbed.scenario.fault_reference > docs/faults.md
	@$(BIN)/python -m testbed.authentication.persona_page > docs/personas.md
	@$(BIN)/python -m testbed.report.json_schema > docs/inspect.schema.json
	@$(BIN)/python -m tests.lab.catalogue.page > docs/catalogue.md
	@$(BIN)/python -m tests.lab.catalogue.systems > docs/relays-compared.md
	@$(BIN)/python -m tests.lab.catalogue.spoofing > docs/spoofing-compared.md
	@$(BIN)/python docs/picture.py
	@$(BIN)/python docs/terminals.py
	@$(BIN)/python docs/screenshots.py
	@$(BIN)/python docs/llms_txt.py
	@$(BIN)/python docs/man_page.py
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) --editable '.[docs]'
	@$(BIN)/python docs/build_site.py
	@echo "The site is in build/site: open build/site/index.html."

# What docs/relays-compared.md is made from (half an hour); the servers that are missing are fetched by 'testbed subjects install'.
compared: $(READY)
	@mkdir -p docs/compared
	@$(BIN)/python -m tests.lab.catalogue.spoofing play
	-@$(BIN)/testbed compare $(COMPARED) --time-limit 120 --relay ours,$(RELAYS) --json docs/compared/relays.json
	-@for receiver in ours $(subst $(comma), ,$(RELAYS)); do $(BIN)/testbed compare scenarios/framing/smuggling.yaml \
		-k server=crepes.fr --relay ours,$(RELAYS) --receiver $$receiver --json docs/compared/smuggling-$$receiver.json; done

# The reference traces of what changed again: look at them before committing.
captures: $(READY)
	@$(BIN)/testbed run --baseline captures --update scenarios

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
