"""The code that a release runs, copied into every release: old and new ones run side by side.

It imports NumPy, ONNX Runtime, FAISS, the standard library and itself (relatively), nothing else.
"""
