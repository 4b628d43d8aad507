# The daemon alone: the locked dependencies and the package; no compiler, not root, nothing written outside one volume.
# Build:  make image            (buildah, without a Docker engine; deploy/image.sh says what it needs)
#    or:  docker build -t trimtab .
# Run:    deploy/compose/compose.yaml, or deploy/README.md for a single container.
#
# Pin the base by its digest where you build for real: --build-arg BASE=docker.io/library/python@sha256:...
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python3 -m venv /opt/trimtab
COPY requirements.lock ./
# How this machine reaches an index is its own business: both secrets may be left out, and neither stays in a layer.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=pip_ca,target=/run/secrets/pip_ca \
    if [ -s /run/secrets/pip_ca ]; then export PIP_CERT=/run/secrets/pip_ca; fi \
    && /opt/trimtab/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
# The build's own tools are in the lock: this step needs no network. pip stays behind.
RUN /opt/trimtab/bin/pip install --no-index --no-deps --no-build-isolation . \
    && /opt/trimtab/bin/pip uninstall --yes pip

FROM ${BASE}
LABEL org.opencontainers.image.title="trimtab" \
    org.opencontainers.image.description="Hedges a crypto portfolio with perpetual futures" \
    org.opencontainers.image.licenses="Apache-2.0"
# A fixed number, so that a volume or a secret's file can be given to it before the first start.
RUN useradd --uid 10001 --user-group --home-dir /var/lib/trimtab --create-home --shell /usr/sbin/nologin trimtab \
    && chmod 0700 /var/lib/trimtab
COPY --from=build /opt/trimtab /opt/trimtab
# A blocked daemon that is ended by its watchdog says where it stood (SIGABRT, faulthandler).
ENV PATH=/opt/trimtab/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=1 \
    TRIMTAB_CONFIG=/etc/trimtab/trimtab.yaml TRIMTAB_STATE_DIR=/var/lib/trimtab
USER 10001:10001
WORKDIR /var/lib/trimtab
VOLUME /var/lib/trimtab
# By freshness, not by a process that is there: the running daemon is asked whether it could hedge now.
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=4 \
    CMD ["trimtab", "health", "--state-dir", "/var/lib/trimtab"]
# SIGTERM leaves the hedges in place and ends within ten seconds; give it fifteen.
STOPSIGNAL SIGTERM
ENTRYPOINT ["trimtab"]
CMD ["run"]
