# `make help` lists what there is to do.
SHELL := /bin/bash
rolecall := $(or $(CARGO_TARGET_DIR),target)/release/rolecall
tests := cargo $(if $(shell command -v cargo-nextest),nextest run,test) --locked --no-fail-fast
# $(call if-installed,PROGRAM,COMMAND): a finer check where its tool happens to be there.
if-installed = @if command -v $(1) >/dev/null; then set -x; $(2); else echo '$(1) is not installed: skipped'; fi

.PHONY: help run demo-reset test check bench fix generate setup setup-tests

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: setup ## Build and start Rolecall with demo data, and print how to sign in
	cargo build --release --locked -p rolecall
	ROLECALL_DATA=$$(. tools/lib.sh && demo_data) $(rolecall) serve --demo

demo-reset: ## Stop the demo's database servers and delete its data
	tools/demo-reset

test: export ROLECALL_POSTGRESQL_FOLDERS = $(shell . tools/lib.sh && postgresql_folders | paste -sd:)
test: setup-tests ## Run every test on SQLite, and the product's again on PostgreSQL
	$(tests) --workspace
	tools/with-postgres $(tests) -p rolecall

check: ## Check format, lints, documentation and the rules of ARCHITECTURE.md
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --document-private-items --locked
	cargo test --quiet --locked -p xtask
	$(call if-installed,shellcheck,shellcheck --external-sources .ci/run tools/demo-reset tools/lib.sh tools/setup tools/with-postgres)
	$(call if-installed,cargo-deny,cargo deny check licenses bans sources)
	$(call if-installed,typos,typos)

bench: setup ## Measure side by side with psql, axum, argon2 and OpenBao
	cargo build --release --locked -p rolecall -p bench
	$(dir $(rolecall))bench $(rolecall)

fix: ## Format, and apply what clippy can repair by itself
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo fmt --all

generate: ## Write the generated pages of the manual and the snapshots anew
	INSTA_UPDATE=always UPDATE_DOCS=1 cargo test -p rolecall

setup:
	@tools/setup run

setup-tests:
	@tools/setup test
