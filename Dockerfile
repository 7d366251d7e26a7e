# Two images, each with the locked packages, this code and a Triton server: see docs/containers.md.
#
#   docker build -t shortlist .                     for CPUs (the last stage is the default)
#   docker build -t shortlist:gpu --target gpu .    for GPUs, on NVIDIA's Triton container
#
# Needs BuildKit, Docker's default builder since version 23. uv is only bind-mounted, so no image
# contains it. Packages are in a layer below the code, so a code change reinstalls nothing.

FROM python:3.11-slim-bookworm AS python

# The version that scripts/bootstrap.py installs, from PyPI like everything else.
FROM python AS uv
RUN pip install --no-cache-dir uv==0.13.9


# --- GPU --------------------------------------------------------------------------------------
# 24.12 matches the locked RAPIDS release; 24.10, which has the Triton of the nvidia-pytriton wheel,
# still has Python 3.10. Use the container's own Python: its Triton is linked against it.
FROM nvcr.io/nvidia/tritonserver:24.12-py3 AS triton

FROM triton AS gpu-packages
# NVTabular has no wheel for Python 3.12 and must be compiled.
# Ubuntu's archive keeps only the newest build of a package: a pinned one disappears within weeks.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ python3-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/shortlist
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
COPY pyproject.toml uv.lock ./
RUN --mount=type=bind,from=uv,source=/usr/local/bin,target=/mnt \
    --mount=type=cache,target=/root/.cache/uv \
    /mnt/uv sync --frozen --no-dev --extra gpu --no-install-project \
        --python /usr/bin/python3.12

FROM triton AS gpu
RUN useradd --uid 10001 --user-group --create-home shortlist \
    && install --directory --owner shortlist --group shortlist /artifacts
WORKDIR /opt/shortlist
# The server's interpreter is found on PATH: see ensemble/triton/installation.py.
ENV PATH=/opt/shortlist/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SHORTLIST_ARTIFACTS=/artifacts
COPY --from=gpu-packages /opt/shortlist/.venv .venv
COPY . ./
RUN --mount=type=bind,from=uv,source=/usr/local/bin,target=/mnt \
    --mount=type=cache,target=/root/.cache/uv \
    /mnt/uv pip install --no-deps --editable .
USER 10001:10001
VOLUME /artifacts
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client as http; \
server = http.HTTPConnection('127.0.0.1', 8000, timeout=4); \
server.request('GET', '/v2/health/ready'); \
raise SystemExit(server.getresponse().status != 200)"]
# NVIDIA's entry point is kept: it runs the arguments after the image name.
CMD ["shortlist", "demo"]


# --- CPU --------------------------------------------------------------------------------------
FROM python AS cpu-packages
WORKDIR /opt/shortlist
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
COPY pyproject.toml uv.lock ./
RUN --mount=type=bind,from=uv,source=/usr/local/bin,target=/mnt \
    --mount=type=cache,target=/root/.cache/uv \
    /mnt/uv sync --frozen --no-dev --extra cpu --no-install-project \
        --python /usr/local/bin/python3.11

FROM python AS cpu
# A fixed uid lets both images write to the same volume; in Triton's image 1000 is taken.
RUN useradd --uid 10001 --user-group --create-home shortlist \
    && install --directory --owner shortlist --group shortlist /artifacts
WORKDIR /opt/shortlist
ENV PATH=/opt/shortlist/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SHORTLIST_ARTIFACTS=/artifacts
COPY --from=cpu-packages /opt/shortlist/.venv .venv
COPY . ./
RUN --mount=type=bind,from=uv,source=/usr/local/bin,target=/mnt \
    --mount=type=cache,target=/root/.cache/uv \
    /mnt/uv pip install --no-deps --editable .
USER 10001:10001
VOLUME /artifacts
EXPOSE 8000 8001 8002
# Healthy means that Triton answers: a container that only trains is "unhealthy", which does no harm.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client as http; \
server = http.HTTPConnection('127.0.0.1', 8000, timeout=4); \
server.request('GET', '/v2/health/ready'); \
raise SystemExit(server.getresponse().status != 200)"]
CMD ["shortlist", "demo"]
