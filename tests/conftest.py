"""Tests that need a GPU skip where there is none."""

import subprocess

import pytest


def _gpus() -> str:
    try:
        ended = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return ended.stdout if ended.returncode == 0 else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _gpus().startswith("GPU "):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU: nvidia-smi -L lists none"))
