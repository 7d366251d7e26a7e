"""Softmax over in-batch negatives: Merlin Models' retrieval model over our towers."""

import workflows.merlin_compat  # noqa: F401  isort: skip

import merlin.models.tf as mm
import tensorflow as tf
from merlin.models.tf.outputs.base import DotProduct
from merlin.models.tf.transforms.bias import PopularityLogitsCorrection
from merlin.schema import Schema

from models.batches import Batches, read_columns
from models.pooling import EmbeddingTables
from models.prepared import Interactions, PreparedData
from models.towers import tower
from models.two_tower import TwoTower
from recipes.models import Retriever


def batches(data: PreparedData, options: Retriever, parts: list[str]) -> Batches:
    """The positives of the parts, with the columns of both towers."""
    schema = Schema([*data.query_schema, *data.candidate_schema])
    columns = read_columns([data.files.interactions(part) for part in parts], schema)
    return Batches(columns, options.batch_size, options.seed, whole_batches=True)


def build(data: PreparedData, options: Retriever, visible: Interactions, steps: int) -> TwoTower:
    """A compiled, untrained two-tower model.

    Loss: softmax over in-batch negatives, accidental hits removed, logits corrected by the log of how
    often an item is drawn (Yi et al., "Sampling-bias-corrected neural modeling", RecSys 2019).

    Args:
        visible: the positives of the training; they say how often an item is drawn.
        steps: training steps that the learning rate falls over, to zero, linearly.
    """
    tables = EmbeddingTables(options.embedding_dim, options.seed, options.infer_embedding_sizes)
    user, item = data.unknown_user, data.unknown_item
    only_id = {data.user_id.name: user[data.user_id.name]}
    query_tower = tower(data.query_schema, [only_id, user], tables, options)
    candidate_tower = tower(data.candidate_schema, [item], tables, options)
    item_id = Schema([data.item_id])
    correction = None
    if options.logq_correction:
        # An item that was never drawn is never in a batch; the small count keeps its log finite.
        # Merlin divides by the temperature after the correction, which must not shrink or grow with it.
        correction = PopularityLogitsCorrection(
            data.item_counts(visible) + 1e-3, reg_factor=options.temperature, schema=item_id
        )
    output = mm.ContrastiveOutput(
        DotProduct(),
        schema=item_id,
        negative_samplers="in-batch",
        downscore_false_negatives=True,
        store_negative_ids=True,
        logits_temperature=options.temperature,
        post=correction,
    )
    model = mm.RetrievalModelV2(query=query_tower, candidate=candidate_tower, output=output)
    rate = tf.keras.optimizers.schedules.PolynomialDecay(options.learning_rate, steps, 0.0)
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=options.weight_decay)
    # Merlin's ranking metrics at every step cost more than the step; recall is measured once an epoch.
    model.compile(optimizer=optimizer, metrics=[])
    return TwoTower(model, query_tower, candidate_tower)
