# docker build [--build-arg EXTRAS=open,tracing] [--target baked --build-arg PACKS=open] .
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
RUN pip install --no-cache-dir "uv>=0.9,<1"
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/soloface \
    UV_PYTHON=/usr/local/bin/python \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# Install the dependencies first: they change less often than the code. uv uses a lock file if there is one.
COPY pyproject.toml uv.lock* ./
ARG EXTRAS=open
RUN uv sync --no-cache --no-dev --no-install-project $(echo "$EXTRAS" | sed -E 's/[^, ]+/--extra &/g; s/,/ /g')
COPY README.md LICENSE ./
COPY sql sql
COPY connectors connectors
COPY dataflow dataflow
COPY soloface soloface
RUN uv sync --no-cache --no-dev --no-editable $(echo "$EXTRAS" | sed -E 's/[^, ]+/--extra &/g; s/,/ /g')

FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="soloface" \
      org.opencontainers.image.description="Finds which enrolled user a photo of one person shows." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# An empty named volume gets the owner of the folder that it covers, so /models must exist.
RUN groupadd --gid 10001 soloface \
 && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin soloface \
 && install --directory --owner=10001 --group=10001 /models
COPY --from=build /opt/soloface /opt/soloface
ENV PATH=/opt/soloface/bin:$PATH \
    BYTEWAX_SNAPSHOT_INTERVAL=3600 \
    PYTHONUNBUFFERED=1 \
    RUST_BACKTRACE=0 \
    SOLOFACE_MODEL__ROOT=/models
USER 10001:10001
WORKDIR /home/soloface
STOPSIGNAL SIGTERM
# In exec form, so that Python is process 1 and gets the signal itself. There is no health check:
# Docker does nothing with an unhealthy container, and the worker recovers or ends by itself.
CMD ["python", "-m", "bytewax.run", "dataflow:flow"]

# docker build --target baked: the image holds the packs, for platforms without a shared volume.
FROM runtime AS baked
ARG PACKS=open
RUN for pack in $(echo "$PACKS" | sed 's/,/ /g'); do soloface models install "$pack" || exit 1; done

FROM runtime
