# Two images, each with the locked packages, this code and a Triton server: docs/containers.md.
#
#   docker build -t shortlist .                     on the CPU (the last stage is the default)
#   docker build -t shortlist:gpu --target gpu .    on NVIDIA's Triton container
#
# Needs BuildKit, Docker's default builder since version 23. uv only visits (bind mounts): no image
# keeps it. Packages are a layer below the code, so that a change of code installs nothing again.

FROM python:3.11-slim-bookworm AS python

# The version that scripts/bootstrap.py brings, from PyPI like everything else.
FROM python AS uv
RUN pip install --no-cache-dir uv==0.13.9


# --- GPU --------------------------------------------------------------------------------------
# 24.12 is the month of the locked RAPIDS; 24.10, whose Triton is the one inside the nvidia-pytriton
# wheel, has Python 3.10 still. The Python must be the container's own: its Triton is linked to it.
FROM nvcr.io/nvidia/tritonserver:24.12-py3 AS triton

FROM triton AS gpu-packages
# NVTabular has no wheel for Python 3.12 and is compiled.
# Ubuntu's archive keeps only the newest build of a package: a pinned one is gone within weeks.
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
# The server's own interpreter is found on the PATH: ensemble/triton/installation.py.
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
# NVIDIA's own entry point stays: it runs the words that follow the image's name.
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
# The number is fixed so that both images can write the same volume; 1000 is taken in Triton's.
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
# Ready means that Triton answers: a container that only trains is "unhealthy", which stops nothing.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client as http; \
server = http.HTTPConnection('127.0.0.1', 8000, timeout=4); \
server.request('GET', '/v2/health/ready'); \
raise SystemExit(server.getresponse().status != 200)"]
CMD ["shortlist", "demo"]
