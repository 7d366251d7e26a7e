"""The table of a retriever and a ranker that are trained together."""

from typing import Annotated

from pydantic import Field, model_validator

from recipes.schema.rankers import Dlrm, Ranker
from recipes.schema.retrievers import Retriever, Softmax
from stages.configuration import NonNegative, Positive, PositiveFloat, Table

#: The keys of the retriever's and the ranker's tables that joint training reads.
_READS = {
    "retriever": {
        *(
            "kind",
            "embedding_dim",
            "infer_embedding_sizes",
            "cross_layers",
            "layers",
            "temperature",
        ),
        *("logq_correction", "weight_decay", "unknown_rate", "history_dropout", "history_power"),
        *("history_half_life", "seed"),
    },
    "ranker": {"kind", "target", "top_layers"},
}


class Joint(Table):
    """Retriever and ranker trained together: shared towers, two heads, one weighted loss.

    The retrieval head is the softmax of `retriever.kind`; the rating head predicts the label. Of the
    `[retriever]` and `[ranker]` tables, only the keys that shape the towers and the layers of the rating head
    are read.
    """

    retrieval_weight: NonNegative = 0.5
    """Weight of the retrieval loss in the total loss."""
    rating_weight: NonNegative = 0.5
    """Weight of the rating loss in the total loss."""
    batch_size: Annotated[int, Field(ge=2)] = 1024
    """Number of interactions per training step."""
    learning_rate: PositiveFloat = 0.005
    """Initial learning rate, which `plateau` halves."""
    plateau: Positive = 2
    """Number of epochs without a better validation loss after which the learning rate is halved."""
    max_epochs: Positive = 20
    """Maximum number of epochs."""
    patience: Positive = 4
    """Number of epochs without a better validation loss after which training stops."""
    log_every: Annotated[int, Field(ge=0)] = 0
    """Number of training steps between further measurements on the validation part. The default, 0, measures
    after each epoch only."""

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "Joint":
        if self.retrieval_weight + self.rating_weight == 0:
            raise ValueError(
                "expected `retrieval_weight` or `rating_weight` above 0, got 0 for both"
            )
        return self

    def check(self, retriever: Retriever, ranker: Ranker) -> None:
        """Check that joint training can train both, and reads the keys that are set.

        Raises:
            ValueError: it cannot, or does not.
        """
        if (
            not isinstance(retriever, Softmax)
            or not isinstance(ranker, Dlrm)
            or ranker.target != "label"
        ):
            raise ValueError(
                "expected retriever.kind 'softmax', ranker.kind 'dlrm' and ranker.target 'label' with "
                f"[joint], got '{retriever.kind}', '{ranker.kind}' and "
                f"'{getattr(ranker, 'target', 'none')}'"
            )
        for (name, read), table in zip(_READS.items(), (retriever, ranker), strict=True):
            for key in sorted({*table.changed} - read):
                instead = f"set joint.{key}" if key in type(self).model_fields else ""
                raise ValueError(
                    f"expected only keys that joint training reads, got {name}.{key} with [joint]; "
                    f"{instead or 'leave it out'}"
                )
