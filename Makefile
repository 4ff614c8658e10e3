# `make demo` and `make test` are the two commands of the README. Both install what is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: demo test torture fuzz programs lint install advisories bench

demo: install ## the main job: an ODBC table to one Parquet blob over HTTPS, then read back
	cargo build --release --locked --package ropeway
	cargo run --locked --quiet --package ropeway-tests --bin ropeway-demo

test: install lint programs ## everything that must hold
	cargo nextest run --locked --workspace --all-features

# Parts of it: the modules of tests/torture (kill, takeover, lost_answers, network, disk, power_cut, journal, tables,
# syscalls), and the simulation.
ONLY ?=
# What is tested there is durable or not by itself: the tests that are about disks make their own.
MEMORY = $(shell test -w /dev/shm && echo /dev/shm || echo /tmp)
PARTS = (test(torture::) + test(/^simulation/)) $(if $(ONLY),& test($(ONLY)))

torture: install ## the long form of tests/torture and of the simulation, hours of it, or of one part: make torture ONLY=network
	@rm -f target/torture.tsv
	cargo build --locked --workspace --all-features --bins --tests --profile torture
	status=0; TMPDIR=$(MEMORY) ROPEWAY_SEEDS=50000 ROPEWAY_TORTURE=long ROPEWAY_TORTURE_TABLE=$(CURDIR)/target/torture.tsv \
		cargo nextest run --locked --workspace --all-features --cargo-profile torture --profile torture -E '$(PARTS)' || status=$$?; \
	(printf 'test\tevents\tlost\tduplicate\tpartial\ttwins caught\n'; sort target/torture.tsv) | \
		awk -F '\t' '{ printf "%-52s %10s %6s %10s %8s  %s\n", $$1, $$2, $$3, $$4, $$5, $$6 }'; exit $$status

FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= definition expression connection_string delimited_text
FUZZ_LIMITS = -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -len_control=0 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1

fuzz: ## hostile bytes for the readers of definitions, expressions, connection strings and CSV; a minute for each
	command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
	for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/target/corpus/$$target; \
		cargo fuzz run --fuzz-dir fuzz --sanitizer none $$target fuzz/target/corpus/$$target fuzz/corpus/$$target -- $(FUZZ_LIMITS); \
	done

# The programs that tests start. Built as the tests are, or every dependency is compiled a second time.
programs:
	cargo build --locked --workspace --all-features --bins --tests

lint:
	cargo fmt --all --check
	cargo deny --log-level error check bans licenses sources
	cargo clippy --locked --workspace --all-targets --all-features -- --deny warnings

advisories: ## needs the internet: the advisory database
	cargo deny check advisories

bench: install ## the numbers of benches/README.md, printed as ratios of one run
	benches/run

install:
	@.ci/install
