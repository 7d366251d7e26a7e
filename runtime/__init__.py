"""The code that a release runs. Every release has its own copy, so old and new ones run side by side.

It imports only NumPy, ONNX Runtime, FAISS, redis, regex, the standard library and itself (relatively).
"""
