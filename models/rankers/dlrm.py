"""The DLRM ranker (Naumov et al., arXiv 1906.00091), through Merlin Models.

Its categorical inputs are the user's and the candidate's codes; its numeric inputs include the ranker
features of the served funnel, which relate candidate and user.
"""

import merlin.models.tf as mm
import tensorflow as tf
from merlin.schema import Schema, Tags

from models.layers.embedded_columns import EmbeddedColumns
from models.layers.pooling import EmbeddingTables, PooledEmbedding
from models.prepared import Arrays, PreparedData
from models.rankers.inputs_schema import TARGET, Standardise, ranker_schema
from models.training.optimizer import AdamW
from recipes.schema.rankers import Dlrm
from shims.pair_products import use_pair_products

#: From this many training steps on, compiling them with XLA, which takes some three seconds, pays off. (XLA
#: cannot compile for lists: only their non-padding codes are looked up, whose number varies.)
XLA_STEPS = 1_000


def build(data: PreparedData, options: Dlrm, numbers: Arrays, steps: int) -> mm.Model:
    """A compiled, untrained DLRM.

    Args:
        numbers: the numeric inputs of the training rows by name, float32 [n], numeric features and ranker
            features; their mean and spread become part of the model, which takes raw numbers.
        steps: training steps over which the learning rate falls linearly to zero.
    """
    schema = ranker_schema(data, options, list(numbers))
    categorical = schema.select_by_tag(Tags.CATEGORICAL)
    dropout = options.dropout or None
    bottom = None
    if numbers:
        layers = mm.MLPBlock([*options.bottom_layers, options.embedding_dim], dropout=dropout)
        bottom = mm.SequentialBlock([Standardise(numbers), *layers.layers])
    top = mm.MLPBlock(list(options.top_layers), dropout=dropout)
    regression = options.target == "label"
    output = mm.RegressionOutput(TARGET) if regression else mm.BinaryOutput(TARGET)
    if not len(categorical):
        # Without a category there is no pair to multiply: the MLPs are what is left of DLRM.
        model = mm.Model(bottom, top, output, schema=schema)
    else:
        model = mm.DLRMModel(
            schema,
            embeddings=_embeddings(categorical, options),
            bottom_block=bottom,
            top_block=top,
            prediction_tasks=output,
        )
        use_pair_products(model)
    xla = steps >= XLA_STEPS and not any(column.is_list for column in categorical)
    model.compile(optimizer=optimizer(options, steps), metrics=[], jit_compile=xla)
    return model


def _embeddings(categorical: Schema, options: Dlrm) -> EmbeddedColumns:
    tables = EmbeddingTables(options.embedding_dim, options.seed)
    return EmbeddedColumns(
        {column.name: PooledEmbedding(tables.of(column)) for column in categorical},
        schema=categorical,
        is_input=True,
    )


def optimizer(options: Dlrm, steps: int) -> AdamW:
    """AdamW with a learning rate that falls linearly to zero over ``steps``."""
    rate = tf.keras.optimizers.schedules.PolynomialDecay(options.learning_rate, steps, 0.0)
    return AdamW(rate, options.weight_decay)
