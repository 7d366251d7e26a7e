"""The two-tower retriever: Merlin Models' retrieval model over our towers."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from dataclasses import dataclass

import merlin.models.tf as mm
import numpy as np
import tensorflow as tf
from merlin.models.tf.outputs.base import DotProduct
from merlin.models.tf.transforms.bias import PopularityLogitsCorrection
from merlin.schema import Schema

from models.pooling import EmbeddingTables
from models.prepared import Arrays, PreparedData
from models.towers import tower
from recipes.recipe import Retriever

#: Rows that go through a tower at once when whole tables are embedded.
EMBED_ROWS = 8192


@dataclass(frozen=True)
class TwoTower:
    """A two-tower model and its two halves, which share the item embedding table."""

    model: mm.RetrievalModelV2
    query_tower: mm.Encoder
    candidate_tower: mm.Encoder

    def embed_queries(self, columns: Arrays) -> np.ndarray:
        """float32 [n, dim]"""
        return _embed(self.query_tower, columns)

    def embed_items(self, columns: Arrays) -> np.ndarray:
        """float32 [n, dim]"""
        return _embed(self.candidate_tower, columns)


def build_two_tower(
    data: PreparedData, options: Retriever, item_counts: np.ndarray, steps: int
) -> TwoTower:
    """A compiled, untrained two-tower model.

    Loss: softmax over in-batch negatives, accidental hits removed, logits corrected by the log of how
    often an item is drawn (Yi et al., "Sampling-bias-corrected neural modeling", RecSys 2019).

    Args:
        item_counts: float32 [cardinality of the item id], how often each item code is a positive.
        steps: training steps that the learning rate falls over, to zero, linearly.
    """
    tables = EmbeddingTables(options.embedding_dim, options.seed)
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
            item_counts + 1e-3, reg_factor=options.temperature, schema=item_id
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


def _embed(encoder: mm.Encoder, columns: Arrays) -> np.ndarray:
    rows = len(next(iter(columns.values())))
    pieces = [
        encoder({name: column[start : start + EMBED_ROWS] for name, column in columns.items()})
        for start in range(0, rows, EMBED_ROWS)
    ]
    return np.concatenate([piece.numpy() for piece in pieces])
