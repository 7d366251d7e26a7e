"""``config.pbtxt``: how Triton runs a release."""

import os
import re

from recipes.schema.recipe import Recipe
from runtime.request_options import OPTIONS, USER_ID, Option
from runtime.tensors import OUTPUTS, Tensor

MODEL_NAME = "recommender"
CONFIG = "config.pbtxt"


def config_text(recipe: Recipe) -> str:
    """The configuration that a release carries, in protobuf text format; see ``with_version``.

    Dynamic batching answers waiting requests together, with one instance per core but one. A request
    that omits an optional input gets the recipe's default. Ragged batching: requests that name different
    numbers of items may share a batch. Triton sends the warm-up requests before the model is ready.
    """
    return f"""name: "{MODEL_NAME}"
backend: "python"
max_batch_size: {recipe.serving.max_batch_size}
input [
{_inputs()}
]
output [
{_outputs()}
]
instance_group [ {{ kind: KIND_CPU count: {_instances()} }} ]
dynamic_batching {{ }}
model_warmup [
  {{
    name: "an unknown user"
    batch_size: 1
    inputs {{ key: "user_id" value {{ data_type: TYPE_STRING dims: [ 1 ] zero_data: true }} }}
    count: 2
  }}
]
"""


def with_version(text: str, version: int) -> str:
    """A release's configuration, completed to serve this release alone."""
    return f"{text}version_policy {{ specific {{ versions: [ {version} ] }} }}\n"


def version_in(text: str) -> int | None:
    """The release that a configuration serves; None if it names none."""
    found = re.search(r"^version_policy { specific { versions: \[ (\d+) \] } }$", text, re.M)
    return int(found.group(1)) if found else None


def _instances() -> int:
    # One core is left to Triton itself: with an instance on every core, batches are smaller, and the
    # CPU time of a request grows by half (docs/decisions/0007-hot-path.md).
    return max(1, min((os.cpu_count() or 1) - 1, 8))


_TYPES = {"BYTES": "TYPE_STRING", "BOOL": "TYPE_BOOL"}


def _tensor(name: str, tensor: Tensor | Option, more: str = "") -> str:
    datatype = _TYPES.get(tensor.datatype, f"TYPE_{tensor.datatype}")
    width = -1 if tensor.several else 1
    return f'  {{ name: "{name}" data_type: {datatype} dims: [ {width} ]{more} }}'


def _inputs() -> str:
    lines = []
    for option in OPTIONS:
        more = "" if option is USER_ID else " optional: true"
        more += " allow_ragged_batch: true" if option.several else ""
        lines.append(_tensor(option.name, option, more))
    return ",\n".join(lines)


def _outputs() -> str:
    return ",\n".join(_tensor(name, tensor) for name, tensor in OUTPUTS.items())
