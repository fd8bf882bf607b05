"""Reading logs: formats, mapped columns, and bad rows that are counted and never lost."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from logs_data import row, write_jsonl

from fingerprint.errors import LogsError
from fingerprint.logs.reading import BadRow, Tally, parse_time, read_rows
from fingerprint.logs.schema import DEFAULT, Schema, read_schema

NOW = 1_767_225_600_000


def read(path, schema=DEFAULT):
    tally = Tally()
    batches = list(read_rows(path, schema, tally))
    joined = [
        item
        for rows in batches
        for item in zip(rows.account, rows.time, rows.prompt, rows.links["ip"], strict=True)
    ]
    return joined, tally


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00+00:00", "2026-01-01",
        "2026-01-01T01:00:00.000+01:00", 1_767_225_600, 1_767_225_600.0, 1_767_225_600_000,
        "1767225600", "1767225600.0", 1_767_225_600_000_000, datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1),
    ],
)  # fmt: skip
def test_times(stamp):
    assert parse_time(stamp) == NOW


@pytest.mark.parametrize(
    ("stamp", "kind"),
    [("soon", "no timestamp"), (None, "no timestamp"), ([], "no timestamp"), ("", "no timestamp"),
     ("1999-01-01", "clock"), (0, "clock"), (-5, "clock"), ("2242-01-01", "clock"),
     (float("nan"), "no timestamp"), (float("inf"), "no timestamp"), ("9" * 400, "no timestamp")],
)  # fmt: skip
def test_times_that_are_none(stamp, kind):
    with pytest.raises(BadRow) as found:
        parse_time(stamp)
    assert found.value.kind == kind


def test_jsonl_and_gzip_and_parquet_give_the_same_rows(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    rows = [row(f"a{i}", i, f"prompt {i}", ip=f"10.0.0.{i}") for i in range(5000)]
    plain = write_jsonl(tmp_path / "a.jsonl", rows)
    packed = write_jsonl(tmp_path / "a.jsonl.gz", rows)
    table = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM read_json('{plain}')) TO '{table}' (FORMAT parquet)")
    first, tally = read(plain)
    assert len(first) == tally.used == tally.rows == 5000
    assert first[7] == ("a7", NOW + 7000, "prompt 7", "10.0.0.7")
    assert read(packed)[0] == read(table)[0] == first


def test_columns_are_mapped(tmp_path):
    (tmp_path / "s.toml").write_text('account_id = "user.id"\nprompt = "q"\nip = "net.from"\n')
    (tmp_path / "s.json").write_text('{"columns": {"account_id": "user.id", "prompt": "q"}}')
    record = {"user": {"id": "u"}, "timestamp": 1_767_225_600, "q": "hi", "net": {"from": "::1"}}
    path = write_jsonl(tmp_path / "a.jsonl", [record])
    assert read(path, read_schema(tmp_path / "s.toml"))[0] == [("u", NOW, "hi", "::1")]
    assert read(path, read_schema(tmp_path / "s.json"))[0] == [("u", NOW, "hi", "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "a name in the log"),
        ('user = "u"', "found the column 'user'"),
        ("=", "expected TOML"),
    ],
)
def test_schema_files_are_checked(tmp_path, text, message):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(LogsError, match=message):
        read_schema(tmp_path / "s.toml")
    with pytest.raises(LogsError, match="No such file"):
        read_schema(tmp_path / "none.toml")


def test_conversations_are_what_was_asked(tmp_path):
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "assistant", "content": "not this"},
        {"role": "user", "content": [{"type": "text", "text": "and this"}, {"type": "image"}]},
    ]
    path = write_jsonl(tmp_path / "a.jsonl", [row(prompt=messages), row(prompt="plain")])
    assert [r[2] for r in read(path)[0]] == ["be brief\nand this", "plain"]


BAD = [
    ("{", "not JSON"), ("[1]", "no object"), ('"text"', "no object"), ("null", "no object"),
    (b'{"prompt": "\xff"}', "not UTF-8"), ("{}", "no account_id"),
    (row(account=""), "no account_id"), (row(account={"a": 1}), "no account_id"),
    (row(prompt=None), "no prompt"), (row(prompt=5), "no prompt"), (row(prompt=["x"]), "no prompt"),
    ({"account_id": "a", "prompt": "x"}, "no timestamp"),
    ({"account_id": "a", "prompt": "x", "timestamp": "yesterday"}, "no timestamp"),
    ({"account_id": "a", "prompt": "x", "timestamp": 12}, "clock"),
    ('{"a":' * 5000 + "1" + "}" * 5000, "not JSON"),
]  # fmt: skip


def test_bad_rows_are_counted_by_kind_and_the_good_ones_kept(tmp_path):
    lines = []
    for number, (bad, _) in enumerate(BAD):
        lines += [row(f"good{number}", number), bad, ""]
    found, tally = read(write_jsonl(tmp_path / "a.jsonl", lines))
    assert [r[0] for r in found] == [f"good{i}" for i in range(len(BAD))]
    assert tally.rows == 2 * len(BAD) and tally.used == len(BAD)
    for _, kind in BAD:
        assert tally.bad[kind] == sum(k == kind for _, k in BAD)
    assert str(tally.problems[0]).startswith(f"{tmp_path}/a.jsonl:2: expected one JSON object")


def test_odd_values_in_optional_columns_do_not_cost_the_row(tmp_path):
    path = write_jsonl(
        tmp_path / "a.jsonl",
        [row(ip=7, input_tokens="many", payment_hash={"x": 1}, output_tokens=-1), row(ip=None)],
    )
    tally = Tally()
    (rows,) = read_rows(path, DEFAULT, tally)
    assert rows.links["ip"] == ["7", ""] and rows.links["payment_hash"] == ["", ""]
    assert rows.tokens["input_tokens"] == [0, 0] and tally.columns == {"ip"}


def test_a_file_of_other_columns_names_the_way_out(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"user": "a", "text": "b"}] * 3)
    with pytest.raises(LogsError, match=r"account_id.*found 'user, text'.*3 rows.*--schema"):
        read(path)
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS x) TO '{tmp_path}/a.parquet' (FORMAT parquet)")
    with pytest.raises(LogsError, match=r"found 'x'; map them with --schema"):
        read(tmp_path / "a.parquet")


def test_a_cut_gzip_file_gives_what_is_there_and_says_so(tmp_path):
    data = "".join(json.dumps(row(f"a{i}", i, f"p {i * i}")) + "\n" for i in range(20000)).encode()
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(data, 1)[:-20000])
    found, tally = read(path)
    assert 0 < len(found) < 20000
    assert tally.bad["truncated file"] == 1
    assert "get the file again" in str(tally.problems[-1])


def test_damaged_parquet_is_one_clear_error(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    with pytest.raises(LogsError, match="cannot be read as Parquet"):
        read(tmp_path / "a.parquet")


def test_clocks_that_disagree_with_the_folder_are_counted(tmp_path):
    rows = [row(second=s) for s in (0, 3600, 30 * 3600, 80 * 3600, -40 * 3600)]
    _, tally = read(write_jsonl(tmp_path / "date=2026-01-01" / "a.jsonl", rows))
    assert (tally.used, tally.skewed) == (5, 2)
    assert read(write_jsonl(tmp_path / "a.jsonl", rows))[1].skewed == 0


def test_names_of_columns_may_not_be_sql():
    schema = Schema.of({"prompt": 'p"; DROP TABLE x; --'})
    assert schema.paths["prompt"] == ('p"; DROP TABLE x; --',)
