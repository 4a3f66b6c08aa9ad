# syntax=docker/dockerfile:1
# One image with both programs, without the sandbox: `api` (the default) and `scheduler`.

# The toolchain is the image's: rust-toolchain.toml would have its linters fetched too.
FROM rust:1.95.0-bookworm AS rust
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src

FROM rust AS build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --no-default-features -p api -p scheduler \
    && mkdir -p /out/bin /out/data \
    && strip --strip-debug -o /out/bin/api target/dist/api \
    && strip --strip-debug -o /out/bin/scheduler target/dist/scheduler

# Whose work is in the programs, with the licences' texts: whoever hands the image on has to hand these on too.
FROM rust AS notices
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked --features cli cargo-about@0.9.3
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    mkdir -p /out \
    && cargo about generate --locked --fail --no-default-features --manifest-path api/Cargo.toml \
        --output-file /out/THIRD-PARTY.txt about.hbs \
    && cp "$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" /out/RUST-LIBRARY.html

# The C library and nothing else: no shell, no package manager. 65532 is its user `nonroot`.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build --chown=0:0 /out/bin/ /usr/local/bin/
COPY --from=notices --chown=0:0 /out/ /usr/share/doc/booking/
COPY --from=build --chown=65532:65532 /out/data /data
WORKDIR /data
USER 65532:65532
# Few allocator arenas, and what a password's hash took (19 MiB) goes back to the system at once.
ENV WHATSAPP_NETWORK=whatsapp \
    API_ADDR=0.0.0.0:8000 \
    COMPAT_ADDR=off \
    METRICS_ADDR=0.0.0.0:9464 \
    SCHEDULER_METRICS_ADDR=0.0.0.0:9465 \
    LOG_FORMAT=json \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=1048576
EXPOSE 8000 9464 9465
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/api", "ready"]
CMD ["/usr/local/bin/api"]
