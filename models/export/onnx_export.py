"""Export a trained model as SavedModel and ONNX with named inputs, and check that both agree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf

from models.prepared import Arrays
from stages.errors import ShortlistError

OPSET = 17
#: Largest difference allowed between TensorFlow's and ONNX Runtime's output.
TOLERANCE = 1e-4
#: A weight of at least this many bytes is kept out of the conversion.
LARGE = 1 << 22

#: A model's exported form: columns by name -> the output by name.
Serve = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


def export(model: Any, sample: Arrays, folder: Path, onnx_path: Path) -> float:
    """Write ``model`` as SavedModel to ``folder`` and as ONNX to ``onnx_path``; return their difference.

    The exported inputs have the names of the columns of ``sample``: scalars [n, 1], lists [n, length];
    the output is float32 [n, width].

    Args:
        model: takes a dict of columns; an encoder or a ranking model of Merlin Models.
        sample: real rows, [n] or [n, length], on which the two are compared.
    Raises:
        ShortlistError: ONNX and TensorFlow differ by more than 1e-4.
    """
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

    # A layer that has not been called has no weights yet.
    serve.get_concrete_function()
    module = tf.Module()
    # Only the weights: Keras's own saving would trace every layer again.
    module.weights = list(model.variables)
    module.serve = serve
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    onnx_path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(_converted(model, serve.python_function, signature), str(onnx_path))
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}
    fed = {name: column for name, column in inputs.items() if name in names}
    from_onnx = session.run(None, fed)[0]
    from_tensorflow = serve({name: tf.constant(value) for name, value in inputs.items()})["output"]
    difference = float(np.abs(from_onnx - from_tensorflow.numpy()).max())
    if not difference <= TOLERANCE:
        raise ShortlistError(
            f"{onnx_path.parent.name}: expected ONNX and TensorFlow to agree within {TOLERANCE}, got a "
            f"difference of {difference}. Nothing was kept. Train with a smaller learning_rate, or report it."
        )
    return difference


def _converted(
    model: tf.Module, serve: Serve, signature: dict[str, tf.TensorSpec]
) -> onnx.ModelProto:
    """Convert ``serve``, which calls ``model``, to ONNX.

    tf2onnx makes some forty copies of each weight, more than fits in memory if a table has a million rows.
    So large weights are passed to it as further inputs, and become constants again in the converted graph.
    """
    import tf2onnx

    large = _large_weights(model)
    names = [f"weight__{number}" for number in range(len(large))]  # no safe name is like this
    weights = [
        tf.TensorSpec(weight.shape, weight.dtype, name)
        for (_, _, weight), name in zip(large, names, strict=True)
    ]

    def given_weights(columns: dict[str, tf.Tensor], *given: tf.Tensor) -> dict[str, tf.Tensor]:
        with _in_place_of(large, given):
            return serve(columns)

    converted, _ = tf2onnx.convert.from_function(
        tf.function(given_weights), input_signature=[signature, *weights], opset=OPSET
    )
    graph = converted.graph
    inputs = [each for each in graph.input if each.name not in names]
    del graph.input[:]
    graph.input.extend(inputs)
    for (_, _, weight), name in zip(large, names, strict=True):
        graph.initializer.append(onnx.numpy_helper.from_array(weight.numpy(), name))
    return converted


#: A module, the name of one of its attributes, and the weight that this attribute holds.
Place = tuple[tf.Module, str, tf.Variable]


def _large_weights(model: tf.Module) -> list[Place]:
    """Where the layers of a model hold their large weights, each weight once."""
    found: dict[int, Place] = {}
    for module in (model, *model.submodules):
        for name, value in vars(module).items():
            if isinstance(value, tf.Variable) and value.dtype.size * np.prod(value.shape) >= LARGE:
                found[id(value)] = (module, name, value)
    return list(found.values())


@contextmanager
def _in_place_of(large: list[Place], given: tuple[tf.Tensor, ...]) -> Iterator[None]:
    """While the block runs, the layers hold the given tensors in place of their large weights."""
    for (module, name, _), tensor in zip(large, given, strict=True):
        vars(module)[name] = tensor
    try:
        yield
    finally:
        for module, name, weight in large:
            vars(module)[name] = weight


def _input_type(column: np.ndarray) -> type:
    return np.float32 if column.dtype.kind == "f" else np.int64
