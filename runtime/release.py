"""The files of one release, each read once and shared by the operators that need them."""

from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path

import faiss
import numpy as np
import onnxruntime

from .candidates import item_attributes
from .candidates.availability import Availability
from .candidates.catalogue import Catalogue, ItemCodes
from .candidates.item_attributes import Attribute
from .features.encoding import Encoding
from .stores.feature_store import FeatureStore

#: The encoded id of every item, by row.
ITEM_CODES = "item_codes.npy"
#: float32 [items, d], by row; the index holds the same vectors in its own format.
EMBEDDINGS = "item_embeddings.npy"


class Release:
    """A release folder and the feature store that it is served with."""

    def __init__(self, directory: Path, store: FeatureStore) -> None:
        self.directory = directory
        self.store = store
        self.model = cache(self._model)
        self.array = cache(self._array)

    @cached_property
    def encoding(self) -> Encoding:
        encoding = Encoding.load(self.directory / "encoding")
        # The item vocabulary may hold millions of ids, so its codes are in an array, by row.
        codes = ItemCodes(self.catalogue, self.array(ITEM_CODES))
        return replace(encoding, item=replace(encoding.item, codes=codes))

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue.load(self.directory)

    @cached_property
    def availability(self) -> Availability:
        return Availability(self.store, self.catalogue)

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        return item_attributes.read(self.directory, self.array)

    @cached_property
    def index(self) -> faiss.Index:
        # For many queries at once FAISS would use BLAS, which rounds differently than for a single
        # query. One thread, because Triton runs one instance per core.
        faiss.cvar.distance_compute_blas_threshold = 1 << 30
        faiss.omp_set_num_threads(1)
        return faiss.read_index(str(self.directory / "index.faiss"))

    def _array(self, name: str) -> np.ndarray:
        """An array of the release, mapped into memory read-only: instances share the pages."""
        mapped = np.load(self.directory / name, mmap_mode="r", allow_pickle=False)
        return mapped.view(np.ndarray)  # memmap's own bookkeeping would slow every look-up

    def _model(self, name: str) -> "OnnxModel":
        return OnnxModel(self.directory / name)


class OnnxModel:
    """An ONNX model whose output for a row does not depend on the other rows."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        # One thread: instances do not compete for a core, and sums are never split across threads.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.input_names = tuple(each.name for each in self._session.get_inputs())
        self._output = self._session.get_outputs()[0]

    @property
    def output_shape(self) -> list[int | str | None]:
        """Shape of the first output as the graph declares it; the first dimension is the batch."""
        return self._output.shape

    def run(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """The first output [N, …] for inputs by name: [N, L], or [N] (the model sees [N, 1]).

        A single row is run as two equal ones: for one row, ONNX Runtime multiplies with another
        routine, which rounds differently.
        """
        fed = {name: array[:, None] if array.ndim == 1 else array for name, array in inputs.items()}
        rows = len(next(iter(fed.values())))
        if rows == 1:
            fed = {name: np.repeat(array, 2, axis=0) for name, array in fed.items()}
        return self._session.run([self._output.name], fed)[0][:rows]
