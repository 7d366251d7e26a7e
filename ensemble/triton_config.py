"""``config.pbtxt``: how Triton runs a release."""

import os

from recipes.recipe import Recipe

MODEL_NAME = "recommender"


def config_text(recipe: Recipe) -> str:
    """The model configuration, in protobuf's text form.

    Requests that wait are answered together (dynamic batching), one instance a core. A request that
    leaves out an optional input gets the recipe's default. Ragged: requests that name different
    numbers of items may share a batch. The first requests are made before the model is ready.
    """
    return f"""name: "{MODEL_NAME}"
backend: "python"
max_batch_size: {recipe.serving.max_batch_size}
input [
  {{ name: "user_id" data_type: TYPE_STRING dims: [ 1 ] }},
  {{ name: "top_k" data_type: TYPE_INT32 dims: [ 1 ] optional: true }},
  {{
    name: "exclude_item_ids" data_type: TYPE_STRING dims: [ -1 ]
    optional: true allow_ragged_batch: true
  }},
  {{
    name: "candidate_item_ids" data_type: TYPE_STRING dims: [ -1 ]
    optional: true allow_ragged_batch: true
  }}
]
output [
  {{ name: "item_ids" data_type: TYPE_STRING dims: [ -1 ] }},
  {{ name: "scores" data_type: TYPE_FP32 dims: [ -1 ] }},
  {{ name: "known_user" data_type: TYPE_BOOL dims: [ 1 ] }}
]
instance_group [ {{ kind: KIND_CPU count: {_instances()} }} ]
dynamic_batching {{ }}
version_policy {{ latest {{ num_versions: 1 }} }}
model_warmup [
  {{
    name: "an unknown user"
    batch_size: 1
    inputs {{ key: "user_id" value {{ data_type: TYPE_STRING dims: [ 1 ] zero_data: true }} }}
    count: 2
  }}
]
"""


def _instances() -> int:
    return min(os.cpu_count() or 1, 8)
