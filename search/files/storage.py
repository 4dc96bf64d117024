"""Files where every node reaches them: a shared folder, or S3 and what speaks its protocol.

A file counts only with its manifest (KEY.manifest: its bytes and SHA-256), which is written after
it: an upload that was cut, and a file that was altered, are as good as not there.

Credentials, region and endpoint are AWS's usual ones: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …,
~/.aws, or the instance's role; AWS_REGION; AWS_ENDPOINT_URL. They are never part of an address.
Rights needed: s3:GetObject, PutObject, DeleteObject on PREFIX/*, and ListBucket on the bucket.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from search.errors import StorageError
from search.files.addresses import without_secrets

__all__ = ["MANIFEST", "Store", "check_storage", "check_uri", "open_store"]

MANIFEST = ".manifest"
CONNECT_TIMEOUT_S, STALL_TIMEOUT_S, ATTEMPTS = 3.0, 5.0, 3  # S3: a dead endpoint costs ≤ 40 s
_CHUNK = 2**20  # bytes
_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^?#\s]*))?")
_REASONS = {  # what an S3 server's codes mean to who typed the address
    "NO_SUCH_BUCKET": "there is no such bucket",
    "NETWORK_CONNECTION": "its endpoint does not answer",
    "ACCESS_DENIED": "access denied: wrong credentials, or they lack the rights",
    "INVALID_ACCESS_KEY_ID": "wrong credentials: no such access key",
    "SIGNATURE_DOES_NOT_MATCH": "wrong credentials: the secret key does not fit",
    "INVALID_CLIENT_TOKEN_ID": "wrong credentials: no such session token",
    "REQUEST_TIME_TOO_SKEWED": "this machine's clock is wrong",
}


def check_uri(uri: str) -> str:
    """`uri` as it is written down: an absolute path, or s3://BUCKET/PREFIX. Raises StorageError."""
    if uri.startswith("/") and ".." not in Path(uri).parts:
        return str(Path(uri))
    found = _S3.fullmatch(uri)
    parts = (found[2] or "").rstrip("/").split("/") if found else []
    if found and "@" not in uri and (parts == [""] or not {"", ".", ".."} & set(parts)):
        return uri.rstrip("/")
    if re.match(r"s3://[^/]*[@:]", uri) or (uri.startswith("s3://") and "?" in uri):
        raise StorageError(
            "a storage address holds no credentials and no options (got some): s3://BUCKET/PREFIX; "
            "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL instead"
        )
    raise StorageError(
        "storage must be a shared folder's absolute path or s3://BUCKET/PREFIX, "
        f"got {without_secrets(uri)!r}"
    )


@functools.lru_cache(maxsize=8)
def open_store(uri: str) -> Store:
    """The store at `uri`; once a process. Asks nothing of it: `Store.check` does.

    Raises StorageError (no such form of address).
    """
    return Store(check_uri(uri))


def check_storage(uri: str | None) -> None:
    """Raises StorageError if it cannot be written and read back. None: nothing to check."""
    if uri is not None:
        open_store(uri).check()


class Store:
    """Files by key, "folder/…/name". Every method raises StorageError."""

    def __init__(self, uri: str) -> None:
        from pyarrow import fs

        self.uri = uri
        self._folder = Path(uri) if uri.startswith("/") else None
        self._root = uri.removeprefix("s3://")
        if self._folder:
            self._files = fs.LocalFileSystem()
        else:
            self._files = fs.S3FileSystem(
                endpoint_override=os.environ.get("AWS_ENDPOINT_URL_S3")
                or os.environ.get("AWS_ENDPOINT_URL"),
                region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
                connect_timeout=CONNECT_TIMEOUT_S,
                request_timeout=STALL_TIMEOUT_S,
                retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
                allow_delayed_open=True,  # a small file is one request, not three
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.uri,)

    def check(self) -> None:
        """Write a file, read it back, delete it."""
        key = f".check/{socket.gethostname()}-{secrets.token_hex(8)}"
        content = secrets.token_bytes(16)
        self.put_bytes(key, content)
        if self.get_bytes(key) != content:
            raise StorageError(f"storage {self.uri}: what was written does not come back")
        self.delete(key)

    def put(self, local: Path, key: str) -> None:
        """Upload the file `local`, then its manifest."""
        with local.open("rb") as file:
            self._put(file, key)

    def put_bytes(self, key: str, content: bytes) -> None:
        """Upload `content`, then its manifest."""
        self._put(io.BytesIO(content), key)

    def get(self, key: str, local: Path) -> bool:
        """Fetch the file to `local`, whole or not at all. False: not there, torn or altered."""
        local.parent.mkdir(parents=True, exist_ok=True)
        partial = local.with_name(f"{local.name}.{secrets.token_hex(4)}.partial")
        try:
            with partial.open("wb") as file:
                if not self._get(key, file):
                    return False
                file.flush()
                os.fsync(file.fileno())
            partial.replace(local)
        finally:
            partial.unlink(missing_ok=True)
        return True

    def get_bytes(self, key: str) -> bytes | None:
        """The file's content. None: not there, torn or altered."""
        content = io.BytesIO()
        return content.getvalue() if self._get(key, content) else None

    def keys(self, prefix: str = "") -> list[str]:
        """The keys below `prefix` of files with a manifest, sorted. `get` checks their content.

        One that would lead out of a folder that it is fetched into, as a bucket can hold, is none.
        """
        from pyarrow import fs

        with self._user_errors():
            below = fs.FileSelector(self._path(prefix), recursive=True, allow_not_found=True)
            found = {f.path for f in self._files.get_file_info(below) if f.type == fs.FileType.File}
        keys = (path.removeprefix(f"{self._root}/") for path in found if path + MANIFEST in found)
        return sorted(key for key in keys if not {"", ".", ".."} & set(key.split("/")))

    def delete(self, prefix: str) -> None:
        """Delete the file of that key, or all that lie below it; nothing if there are none."""
        from pyarrow import fs

        path = self._path(prefix)
        with self._user_errors():
            kind = self._files.get_file_info(path).type
            if kind == fs.FileType.Directory:
                with contextlib.suppress(FileNotFoundError):  # another deletes it too
                    self._files.delete_dir(path)
            elif kind == fs.FileType.File:
                for name in (path + MANIFEST, path):
                    with contextlib.suppress(FileNotFoundError):
                        self._files.delete_file(name)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _put(self, file: BinaryIO, key: str) -> None:
        with self._user_errors():
            digest, size = hashlib.sha256(), 0
            with self._output(key) as output:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    output.write(chunk)
            manifest = {"bytes": size, "sha256": digest.hexdigest()}
            with self._output(key + MANIFEST) as output:
                output.write(json.dumps(manifest).encode())

    @contextlib.contextmanager
    def _output(self, key: str) -> Iterator[Any]:
        path = self._path(key)
        if self._folder:
            if not self._folder.is_dir():  # not mounted here, perhaps: never made on a local disk
                raise FileNotFoundError
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        with self._files.open_output_stream(path) as output:
            yield output
        if self._folder:
            with Path(path).open("rb") as written:
                os.fsync(written.fileno())

    def _get(self, key: str, output: BinaryIO) -> bool:
        with self._user_errors():
            try:
                with self._files.open_input_stream(self._path(key + MANIFEST)) as stream:
                    manifest = json.loads(stream.read())
                digest, size = hashlib.sha256(), 0
                with self._files.open_input_stream(self._path(key)) as stream:
                    while chunk := stream.read(_CHUNK):
                        digest.update(chunk)
                        size += len(chunk)
                        output.write(chunk)
            except (FileNotFoundError, ValueError):  # of a manifest that is no JSON
                return False
        return bool(manifest == {"bytes": size, "sha256": digest.hexdigest()})

    @contextlib.contextmanager
    def _user_errors(self) -> Iterator[None]:
        """An OSError inside becomes a StorageError in a user's words."""
        try:
            yield
        except OSError as error:
            raise StorageError(f"storage {self.uri}: {self._reason(error)}") from None

    def _reason(self, error: OSError) -> str:
        if isinstance(error, FileNotFoundError):
            return "it does not exist" + (" on this machine" if self._folder else "")
        code = re.search(r"AWS Error ([A-Z_]+)", str(error))
        if code is None:
            return os.strerror(error.errno) if error.errno else type(error).__name__
        reason = _REASONS.get(code[1], code[1].replace("_", " ").lower())
        if "ACCESS_DENIED" in code[1] and not os.environ.get("AWS_ACCESS_KEY_ID"):
            reason = "access denied (AWS_ACCESS_KEY_ID is not set), or no rights"
        return reason
