"""An S3 server for a test, on a free port, with its address and keys in the environment."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

KEYS = {
    "AWS_ACCESS_KEY_ID": "made-up",
    "AWS_SECRET_ACCESS_KEY": "hush",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3_server() -> Iterator[Any]:
    """An S3 file system with an empty bucket, ``shop``; the environment of the block leads to it."""
    server = importlib.import_module("moto.server").ThreadedMotoServer("127.0.0.1", 0, False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with patch.dict(os.environ, KEYS | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}):
            files = importlib.import_module("s3fs").S3FileSystem
            store = files(skip_instance_cache=True, use_listings_cache=False)
            store.mkdir("shop")
            yield store
    finally:
        server.stop()
