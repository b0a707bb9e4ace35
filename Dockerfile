# dragline as one static binary in an otherwise empty image.
#
#   docker build -t dragline .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/crawls:/data" dragline crawl https://example.com/ --out example …
#
# Alpine's Rust is native to musl, so that the same file builds for every architecture of the base image.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-alpine AS build
# ring and zstd are C and assembly inside.
# hadolint ignore=DL3018
RUN apk add --no-cache gcc make musl-dev
WORKDIR /build

# A layer of its own for the dependencies: it is built anew only when they change. rust-toolchain.toml is left
# behind on purpose, since rustup would download another toolchain than the image's; so are the benchmarks, and
# cargo refuses a manifest that names files which are not there.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[bench\]\]$/,/^$/d' Cargo.toml \
    && mkdir -p src data \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src target/release/.fingerprint/dragline-*

COPY config config
COPY src src
RUN cargo build --release --locked --bin dragline \
    && target/release/dragline --version

FROM scratch
LABEL org.opencontainers.image.title="dragline" \
      org.opencontainers.image.description="A polite, crash-proof HTTP crawler" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# The roots of trust for TLS are compiled in, so the image needs no ca-certificates.
COPY LICENSE-MIT LICENSE-APACHE /licenses/
COPY --from=build /build/target/release/dragline /dragline
# A volume takes over the owner of the folder that it covers. There is no user database here, hence a number.
COPY --from=build --chown=65532:65532 /build/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# Tells that the binary starts, whatever it is to do. A daemon is asked over HTTP instead: docker/daemon.compose.yaml.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["/dragline", "--version"]
ENTRYPOINT ["/dragline"]
CMD ["--help"]
