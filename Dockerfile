# Gatehouse in a container: one binary, one user without rights, one volume.
#
#   docker build -t gatehouse .
#   docker run -p 443:443 -p 1433:1433 -v gatehouse:/var/lib/gatehouse gatehouse
#
# The volume holds the data (data/) and the master key (keys/) apart from each other: back up data/, and keep a copy of the key
# elsewhere. Better still, keep the key out of the volume, in a file that uid 10001 alone can read:
#   docker run … -v /safe/place/master.key:/run/gatehouse/master.key:ro -e GATEHOUSE_KEYS_MASTER_KEY_FILE=/run/gatehouse/master.key …
# Every setting is an environment variable: see packaging/reference.md.

# The base images are arguments, so that the same file builds from a mirror or from local images.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG RUN_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
# The compiler of the crypto library's C and assembler.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock .askama.toml LICENSE ./
COPY src src
COPY web web
COPY assets assets
COPY packaging packaging
RUN cargo build --profile dist --locked --bin gatehouse \
    && install -D target/dist/gatehouse /out/usr/local/bin/gatehouse \
    && install -D -m 0644 LICENSE /out/usr/share/doc/gatehouse/LICENSE \
    && install -D -m 0644 packaging/reference.md /out/usr/share/doc/gatehouse/reference.md \
    && install -d -m 0700 /out/var/lib/gatehouse /out/var/lib/gatehouse/data /out/var/lib/gatehouse/keys

FROM ${RUN_IMAGE}
# The roots by which a SQL Server's public certificate is verified.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 gatehouse \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/gatehouse --shell /usr/sbin/nologin gatehouse
COPY --from=build /out/usr /usr
COPY --from=build --chown=10001:10001 /out/var/lib/gatehouse /var/lib/gatehouse

ENV GATEHOUSE_APPLIANCE_DATA_DIR=/var/lib/gatehouse/data \
    GATEHOUSE_KEYS_MASTER_KEY_FILE=/var/lib/gatehouse/keys/master.key
USER 10001:10001
VOLUME /var/lib/gatehouse
EXPOSE 443 1433
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["gatehouse", "healthcheck"]
ENTRYPOINT ["gatehouse"]
CMD ["run"]
