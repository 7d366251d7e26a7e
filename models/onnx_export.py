"""A trained model -> SavedModel and ONNX with named inputs, and the proof that both agree."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tensorflow as tf

from models.prepared import Arrays
from recipes.errors import ShortlistError

OPSET = 17
#: Largest difference allowed between TensorFlow's and ONNX Runtime's output.
TOLERANCE = 1e-4


def export(model: Any, sample: Arrays, folder: Path, onnx_path: Path) -> float:
    """Write ``model`` as SavedModel to ``folder`` and as ONNX to ``onnx_path``; returns their difference.

    The exported inputs are named like the columns of ``sample``: scalars [n, 1], lists [n, length];
    the output is float32 [n, width].

    Args:
        model: takes a dict of columns; an encoder or a ranking model of Merlin Models.
        sample: real rows, [n] or [n, length]; the comparison is made on them.
    Raises:
        ShortlistError: ONNX and TensorFlow differ by more than 1e-4.
    """
    import tf2onnx

    inputs: Arrays = {
        name: column.reshape(len(column), -1).astype(_input_type(column))
        for name, column in sample.items()
    }
    signature = {
        name: tf.TensorSpec((None, column.shape[1]), column.dtype, name=name)
        for name, column in inputs.items()
    }

    @tf.function(input_signature=[signature])
    def serve(columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"output": tf.cast(model(columns, training=False), tf.float32)}

    # A part that has not been called so far has no weights yet.
    serve.get_concrete_function()
    module = tf.Module()
    # The weights alone: Keras's own saving would trace every layer once more.
    module.weights = list(model.variables)
    module.serve = serve
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    onnx_path.parent.mkdir(parents=True, exist_ok=True)
    tf2onnx.convert.from_function(
        serve, input_signature=[signature], opset=OPSET, output_path=str(onnx_path)
    )
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}
    fed = {name: column for name, column in inputs.items() if name in names}
    from_onnx = session.run(None, fed)[0]
    from_tensorflow = serve({name: tf.constant(value) for name, value in inputs.items()})["output"]
    difference = float(np.abs(from_onnx - from_tensorflow.numpy()).max())
    if not difference <= TOLERANCE:
        raise ShortlistError(
            f"{onnx_path.parent.name}: expected ONNX and TensorFlow to agree within {TOLERANCE}, they "
            f"differ by {difference}. Nothing was kept; train with a smaller learning_rate, or report it."
        )
    return difference


def _input_type(column: np.ndarray) -> type:
    return np.float32 if column.dtype.kind == "f" else np.int64
