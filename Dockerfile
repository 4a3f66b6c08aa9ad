# syntax=docker/dockerfile:1
# One image with both programs, without the sandbox: `api` (the default) and `scheduler`.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --no-default-features -p api -p scheduler \
    && mkdir -p /out/bin /out/data \
    && strip --strip-debug -o /out/bin/api target/release/api \
    && strip --strip-debug -o /out/bin/scheduler target/release/scheduler

# The C library and nothing else: no shell, no package manager. 65532 is its user `nonroot`.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build --chown=0:0 /out/bin/ /usr/local/bin/
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
