# Shortcuts for those who develop dragline; `just` lists them. Nothing needs them: what counts is tests/run.

set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

_default:
    @just --list --unsorted

# Does it compile, and is clippy content?
check:
    cargo clippy --locked --all-targets

# Some tests: `just test frontier::`
test *filter:
    cargo test --locked "$@"

# Format, and what CI says about looks
lint:
    cargo fmt
    cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

# Everything, as in CI
all:
    tests/run

# The offline demo: a small web on loopback and a crawl of it
demo *flags:
    cargo run --locked --release -- demo "$@"

# Crawls of real documentation, compared with the independent script
docs-site *filter:
    cargo test --locked --test it -- docs_site "$@"

# What the independent script says of any folder of HTML: `just truth /usr/share/doc/sqlite3`
truth folder *flags:
    /usr/bin/python3 -B tests/truth/reachable.py "$1" --base http://127.0.0.1/ "${@:2}"

# Accept changed snapshots after reading them
snapshots:
    INSTA_UPDATE=always cargo test --locked
    git diff --stat -- '*.snap'

# The image, with whatever builds images here
image tool="docker":
    "$1" build -t dragline .
