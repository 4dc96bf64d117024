"""Secrets in addresses: found, and taken out of whatever is shown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from search.cli.main import main
from search.errors import ClusterError, RecordError
from search.files.addresses import has_secret, without_secrets
from search.machines import remote
from search.record import schema
from search.record.postgresql import _parse_url
from search.record.record import open_record
from search.tasks.config import StudyConfig


@pytest.mark.parametrize(
    ("address", "without"),
    [
        ("postgresql://me:s3c@ret/x@db/mlflow", "postgresql://me@db/mlflow"),
        ("http://ghp_1234@host:1/", "http://host:1/"),
        ("mysql://u:p%40w@h:3306/d?charset=utf8", "mysql://u@h:3306/d?charset=utf8"),
        ("postgresql://db/m?user=a&password=s3&sslmode=x", "postgresql://db/m?user=a&sslmode=x"),
        ("postgresql://db/m?sslpassword=q", "postgresql://db/m"),
        ("https://host/#access_token=1", "https://host/"),
        ("no answer from http://a:b@c/, nor http://d:80/", "no answer from http://c/, nor http://d:80/"),
    ],
)  # fmt: skip
def test_without_secrets(address: str, without: str) -> None:
    assert has_secret(address)
    assert without_secrets(address) == without
    assert not has_secret(without)


@pytest.mark.parametrize(
    "address",
    [
        "http://host:5000/path@v1",
        "sqlite:////home/me@work/mlflow.db",
        "postgresql://me@db:5432/mlflow?passfile=/run/pgpass",
        "http://[::1]:5000/x",
        "s3://bucket/prefix",
    ],
)
def test_what_holds_none(address: str) -> None:
    assert without_secrets(address) == address


@pytest.mark.parametrize(
    "url", ["me:s3cret@host/db", "mysql://me:s3cret@h/d", "postgresql://me@h/d?password=s3cret"]
)
def test_a_record_s_address_is_not_repeated(url: str) -> None:
    with pytest.raises(RecordError) as refused:
        _parse_url(url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "typed",
    [
        ("run", "sts", "--tracking-uri", "http://me:s3cret@127.0.0.1:9"),
        ("run", "sts", "--storage", "https://me:s3cret@127.0.0.1:9"),
        ("import", "no.tar", "--tracking-uri", "http://me:s3cret@127.0.0.1:9"),
        ("list", "--record", "postgresql://me:s3cret@127.0.0.1:9/d"),
        ("list", "--nonsense", "http://me:s3cret@127.0.0.1:9"),
        ("list", "--cluster", "ray://me:s3cret@127.0.0.1:9"),
        ("ui", "--tracking-uri", "postgresql://127.0.0.1:9/m?password=s3cret"),
    ],
)
def test_no_command_shows_one(tmp_path, monkeypatch, capsys, typed) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(typed)
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    assert code == 2
    assert "s3cret" not in said.out + said.err
    assert said.err.count("\n") == 1


def test_none_goes_to_a_cluster_s_head() -> None:
    with pytest.raises(ClusterError, match=r"postgresql://me@db is without it"):
        remote._submit(
            None, "search", ["run", "sts", "--tracking-uri", "postgresql://me:s3cret@db"]
        )


def test_one_that_is_on_record_is_not_shown(tmp_path) -> None:
    """An earlier version has let in ?password=; the study is read without it."""
    record = open_record(tmp_path, create=True)
    record.create(StudyConfig(name="s", task="sts", dataset="d"), {})
    with record._database.connect(write=True) as connection:
        config = record.study("s").config.as_dict()
        config["tracking_uri"] = "postgresql://db/m?password=s3cret"
        connection.execute(sa.update(schema.studies).values(config=config))

    assert record.study("s").config.tracking_uri == "postgresql://db/m"
