"""Tables at URLs are read like files: from an S3 server and a web server on loopback."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from sources.ingest import ingest
from sources.own_tables import opened
from sources.remote import versions
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.s3_server import s3_server
from tests.sources import shop
from tests.sources.serving import Site, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A server with the bucket ``shop``."""
    with s3_server() as store:
        yield store


@pytest.fixture
def bucket(server: Any) -> Any:
    """The bucket, empty."""
    for path in server.ls("shop"):
        server.rm(path, recursive=True)
    return server


def _put(store: Any, path: str, table: dict[str, Any]) -> None:
    with store.open(f"shop/{path}", "wb") as file:
        pq.write_table(pa.table(table), file)


def _read(url: str) -> dict[str, Any]:
    return opened("interactions", url).in_memory().to_pydict()


def test_files_folders_and_patterns_of_a_bucket(bucket: Any) -> None:
    """A file; a folder with partitions, without what writers leave there; a pattern."""
    _put(bucket, "orders/dt=1/a.parquet", {"item": [1, 2]})
    _put(bucket, "orders/dt=2/b.parquet", {"item": [3]})
    bucket.touch("shop/orders/_SUCCESS")
    bucket.pipe("shop/items.csv", b"item,name\n1,pen\n")
    bucket.pipe("shop/old/items.csv", b"item,name\n2,ink\n")
    assert _read("s3://shop/items.csv") == {"item": [1], "name": ["pen"]}
    assert _read("s3://shop/orders") == {"item": [1, 2, 3], "dt": [1, 1, 2]}
    assert _read("s3://shop/orders/") == {"item": [1, 2, 3], "dt": [1, 1, 2]}
    assert _read("s3://shop/orders/dt=1/a.parquet") == {"item": [1, 2]}
    assert _read("s3://shop/**/*.csv") == {"item": [1, 2], "name": ["pen", "ink"]}


def test_a_shop_in_a_bucket_is_read_again_after_a_change(
    bucket: Any, tmp_path: Path, said: list[str]
) -> None:
    """The store's versions tell whether the tables are up to date; no key is in artifacts or logs."""
    shop.write(tmp_path)
    for name in ("orders", "customers", "products"):
        bucket.put_file(str(tmp_path / f"{name}.parquet"), f"shop/{name}.parquet")
        (tmp_path / f"{name}.parquet").unlink()
    path = tmp_path / "shop.toml"
    recipe = shop.RECIPE
    for name in ("orders", "customers", "products"):
        recipe = recipe.replace(f'"{name}.parquet"', f'"s3://shop/{name}.parquet"')
    path.write_text(recipe)
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(load(str(path)), artifacts, None)
    assert pq.read_table(artifacts.raw.interactions)["quantity"].to_pylist() == [1, 2, 1, 3]
    ingest(load(str(path)), artifacts, None)
    assert said[-1].endswith("is up to date")
    _put(bucket, "orders.parquet", shop.ORDERS | {"quantity": [5, 5, 5, 5]})
    ingest(load(str(path)), artifacts, None)
    assert pq.read_table(artifacts.raw.interactions)["quantity"].to_pylist() == [5] * 4
    assert "hush" not in "".join(said)
    assert b"hush" not in b"".join(each.read_bytes() for each in artifacts.raw.root.iterdir())


def test_what_a_store_refuses_is_told(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such file, no such bucket, no server: the URL and the cause."""
    with pytest.raises(
        ShortlistError, match=r"files at s3://shop/none\.csv, which the recipe names"
    ):
        _read("s3://shop/none.csv")
    with pytest.raises(
        ShortlistError, match=r"s3://nowhere/a\.csv, .*, got (none|FileNotFound|.*bucket)"
    ):
        _read("s3://nowhere/a.csv")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(ShortlistError, match=r"s3://shop/a\.csv, .*, got .*127\.0\.0\.1"):
        _read("s3://shop/a.csv")


def test_a_file_of_a_web_server(tmp_path: Path) -> None:
    """Read like a local one; a server that tells no version is read each time."""
    with serving(Site({"/data/items%20new.csv": b"item,name\n1,pen\n"})) as site:
        url = f"{site.url}/data/items%20new.csv"
        assert _read(url) == {"item": [1], "name": ["pen"]}
        assert versions(url, "source.items") != versions(url, "source.items")
        with pytest.raises(ShortlistError, match=r"/none\.csv, .* got status 404"):
            _read(f"{site.url}/none.csv")
        with pytest.raises(ShortlistError, match="A web server does not list folders"):
            _read(f"{site.url}/data/")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("https://me:hush@host/a.csv", "got a password in the URL"),
        ("s3://key:hush@bucket/a.csv", "got a password in the URL"),
        ("https://hush@host/a.csv", "got a user or key before the host"),
        ("https://host/a.csv?X-Amz-Signature=hush", "got the parameter 'X-Amz-Signature'"),
        ("https://host/a.csv?sv=1&sig=hush", "got the parameter 'sig'"),
        (
            "ftp://host/a.csv?x=hush",
            "expected `interactions` as a path or a URL that begins with s3://",
        ),
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(
    tmp_path: Path, url: str, complaint: str
) -> None:
    """In a recipe, and given to `shortlist init`."""
    path = tmp_path / "shop.toml"
    path.write_text(shop.RECIPE.replace("orders.parquet", url))
    with pytest.raises(ShortlistError) as raised:
        load(str(path))
    assert complaint in str(raised.value)
    with pytest.raises(ShortlistError) as given:
        opened("interactions", url)
    assert "hush" not in str(raised.value) + str(given.value)
    assert complaint.startswith("expected") or complaint in str(given.value)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `cloud` installs it."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ShortlistError, match=r"package gcsfs for gs:// .* uv sync --extra cloud"):
        _read("gs://bucket/a.csv")
