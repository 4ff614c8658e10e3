# `make demo` and `make test` are the two commands of the README. Both install what is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: demo test lint install advisories bench

demo: install ## the main job: an ODBC table to one Parquet blob over HTTPS, then read back
	cargo build --release --locked --package ropeway
	cargo run --locked --quiet --package ropeway-tests --bin ropeway-demo

test: install lint ## everything that must hold
	cargo build --locked --workspace --bins
	cargo nextest run --locked --workspace --all-features

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
