"""Patches to third-party internals, each with the upstream line or issue that makes it necessary.

Importing this package activates the import-time shims: Merlin's 2023 libraries then import and run on
TensorFlow 2.21 and pandas 2 (``shims.merlin_modules``). It imports neither TensorFlow, Dask nor Merlin
itself. Packages that use Merlin import it in their ``__init__``, so no other file has to. When an upstream
line is gone, delete its shim.

- ``merlin_modules``: modules that moved, and two that need a patch after their import.
- ``pair_products``: a faster ``DotProductInteraction`` for Merlin's DLRM.
- ``tensorflow_registry``: gradients that TensorFlow registers and never frees.
- ``without_tensorflow``: Merlin in processes that need no TensorFlow.
- ``workflow_fit``: ``nvtabular.Workflow.fit`` with less computation.
"""

from shims import merlin_modules

merlin_modules.install()
