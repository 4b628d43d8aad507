# The daemon alone: the locked dependencies, the package, no compiler, no shell tools of ours, not root.
# Build:  docker build -t trimtab .
# Run:    docker run -v /path/to/config:/etc/trimtab:ro -v trimtab-state:/var/lib/trimtab trimtab   (trimtab.yaml there)

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/trimtab
COPY requirements.lock ./
RUN /opt/trimtab/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
RUN /opt/trimtab/bin/pip install --no-deps --no-build-isolation . \
    && /opt/trimtab/bin/pip uninstall --yes pip

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/trimtab --create-home --shell /usr/sbin/nologin trimtab
COPY --from=build /opt/trimtab /opt/trimtab
ENV PATH=/opt/trimtab/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER trimtab
WORKDIR /var/lib/trimtab
VOLUME /var/lib/trimtab
# SIGTERM leaves the hedges in place and ends within ten seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["trimtab"]
CMD ["run", "--config", "/etc/trimtab/trimtab.yaml"]
