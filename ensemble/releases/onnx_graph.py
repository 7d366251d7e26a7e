"""Optimises an ONNX graph as ONNX Runtime would before running it."""

from pathlib import Path

import onnxruntime


def optimise(source: Path, target: Path) -> None:
    """Fold constants and fuse nodes once, at export, instead of at every start of every instance.

    Optimisations for a processor are left to the machine that serves.
    """
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3  # it warns that the file fits only this version
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
