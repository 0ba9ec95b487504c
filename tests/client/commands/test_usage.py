"""`mcp-models usage`: tables, programs' formats, the page, and what is said of a ledger that cannot be read."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mcp_models.client.commands import usage_text
from mcp_models.client.usage import queries
from mcp_models.client.usage.report import Sums
from mcp_models.servers.core.ledger import sqlite_store
from mcp_models.servers.core.ledger.pending import PendingRows
from mcp_models.servers.core.ledger.row import NANO, Row
from mcp_models.servers.core.ledger.target import Target
from tests.client.commands.pseudo_terminal import run_in_terminal
from tests.client.commands.run import invoke, run
from tests.client.usage.rows import DAY, month, row

NOBODY = 65534


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of a ledger that is not there yet."""
    path = tmp_path / "state" / "ledger.sqlite3"
    monkeypatch.setenv("MCP_MODELS_LEDGER", str(path))
    return path


def fill(path: Path, rows: list[Row]) -> None:
    store = Target(str(path), is_postgres=False).open()
    store.write(rows, [])
    store.close()


def test_a_line_for_each_group_and_the_total_in_a_pipe(ledger: Path) -> None:
    now = time.time()
    fill(ledger, [row(1, now), row(2, now, model="x", cost=2 * NANO, cache_savings=-5000), row(3, now, model="y", cost=None)])
    done = invoke("usage", "--by", "model")
    assert done.exit_code == 0
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["openai/x", "1", "0", "10", "20", "$2.00", "-<$0.0001", "0"],
        ["openai/gpt-5.2", "1", "0", "10", "20", "$0.0010", "–", "0"],
        ["openai/y", "1", "0", "10", "20", "–", "–", "1"],
        ["total", "3", "0", "30", "60", "$2.00", "-<$0.0001", "1"],
    ]


def test_the_budget_and_what_is_left_of_it(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "5 USD/month, 3 calls/month per host")
    fill(ledger, [row(1, time.time(), cost=2 * NANO), row(2, time.time(), host=None, cost=NANO)])
    budget = [line.split("\t") for line in invoke("usage").stdout.splitlines() if line.startswith("budget")]
    assert [fields[:-1] for fields in budget] == [
        ["budget", "5 USD/month", "all", "$3.00", "$0", "$2.00"],
        ["budget", "3 calls/month per host", "unnamed", "1", "0", "2"],
        ["budget", "3 calls/month per host", "tests", "1", "0", "2"],
    ]
    assert all(fields[-1].endswith("-01 00:00 UTC") for fields in budget)


def test_since(ledger: Path) -> None:
    now = time.time()
    fill(ledger, [row(1, now), row(2, now - 3 * DAY), row(3, now - 29 * DAY), row(4, now - 31 * DAY)])

    def calls(*words: str) -> int:
        total = json.loads(invoke("usage", "--json", *words).stdout)["total"]["calls"]
        return int(total)

    assert [calls(), calls("--since", "4d"), calls("--since", "1h"), calls("--since", "1970-01-01")] == [3, 2, 1, 4]


@pytest.mark.parametrize("words", [["--since", "soon"], ["--by", "moon"], ["--json", "--csv"], ["--json", "--html", "x.html"]])
def test_a_command_line_that_makes_no_sense(ledger: Path, words: list[str]) -> None:
    done = invoke("usage", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert not ledger.exists()


def test_json(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "5 USD/day")
    now = time.time()
    fill(ledger, [row(1, now), row(2, now, cost=None)])
    report = json.loads(invoke("usage", "--by", "host", "--json").stdout)
    sums: dict[str, object] = {"calls": 2, "errors": 0, "input_tokens": 20, "output_tokens": 40, "cost_usd": 0.001}
    sums |= {"cache_savings_usd": None, "calls_of_unknown_cost": 1}
    assert (report["by"], report["rows"], report["total"]) == ("host", [{"host": "tests", **sums}], sums)
    (cap,) = report["budget"]
    assert (cap["cap"], cap["spent"], cap["left"], cap["frees_at"][-14:]) == ("5 USD/day", 0.001, 4.999, "T00:00:00.000Z")
    assert report["since"] < report["until"]


def test_csv_holds_every_name_as_it_is(ledger: Path) -> None:
    fill(ledger, [row(1, time.time(), model='a "b", c', cost=None)])
    lines = list(csv.reader(io.StringIO(invoke("usage", "--by", "model", "--csv").stdout)))
    assert lines == [
        ["provider", "model", *Sums.__struct_fields__],
        ["openai", 'a "b", c', "1", "0", "10", "20", "", "", "1"],
    ]


def test_the_row_of_a_killed_process_is_taken_over(ledger: Path) -> None:
    code = (
        "import os, sys, time; from tests.client.usage.rows import row;"
        "from mcp_models.servers.core.ledger.pending import PendingRows;"
        "PendingRows(sys.argv[1]).append(row(1, time.time())); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, f"{ledger}.pending"], cwd=Path(__file__).parents[3], timeout=30)
    assert len(os.listdir(f"{ledger}.pending")) == 1
    assert json.loads(invoke("usage", "--json").stdout)["total"]["calls"] == 1
    assert os.listdir(f"{ledger}.pending") == []
    assert json.loads(invoke("usage", "--json").stdout)["total"]["calls"] == 1


def test_the_rows_of_a_living_process_are_left_to_it(ledger: Path) -> None:
    fill(ledger, [])
    living = PendingRows(f"{ledger}.pending")
    living.append(row(1, time.time()))
    assert json.loads(invoke("usage", "--json").stdout)["total"]["calls"] == 0
    segment = living.take()
    assert segment is not None
    assert len(list(segment.rows())) == 1
    segment.remove()


def test_an_empty_ledger_says_how_rows_come_to_be(ledger: Path) -> None:
    fill(ledger, [])
    done = invoke("usage")
    assert done.exit_code == 0
    assert "is empty. Each call through a server, a model or `mcp-models complete` adds a row." in done.stderr


def test_a_period_without_calls(ledger: Path) -> None:
    fill(ledger, [row(1, time.time() - 2 * DAY)])
    done = invoke("usage", "--since", "1h")
    assert (done.exit_code, "no calls since" in done.stderr) == (0, True)


def refusal(*words: str) -> str:
    done = invoke("usage", *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("mcp-models: ")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_ledger_yet(ledger: Path) -> None:
    assert f"there is no ledger at {ledger} yet. Each call through" in refusal()
    assert not ledger.exists()


def test_the_ledger_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", "off")
    assert "the ledger is off" in refusal()


def test_settings_that_make_no_sense(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "5 EUR/day")
    assert "MCP_MODELS_BUDGET: expected caps such as" in refusal()
    monkeypatch.setenv("MCP_MODELS_LEDGER", "mysql://x")
    monkeypatch.setenv("MCP_MODELS_BUDGET", "")
    assert "MCP_MODELS_LEDGER: expected the path of a file" in refusal()


def test_a_file_that_is_no_ledger(ledger: Path) -> None:
    ledger.parent.mkdir()
    ledger.write_bytes(b"no database, but a text of more than a hundred bytes. " * 9)
    assert "not a database. Move the file away" in refusal()


def test_a_damaged_ledger(ledger: Path) -> None:
    fill(ledger, month())
    with ledger.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (ledger.stat().st_size - 4096))
    assert "Move the file away, and the next call makes a new one" in refusal()


def test_a_ledger_of_a_newer_version(ledger: Path) -> None:
    fill(ledger, [])
    connection = sqlite3.connect(ledger)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert "made by a newer version of mcp-models: upgrade this one" in refusal()


def test_a_ledger_that_another_program_holds(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ledger, [])
    monkeypatch.setattr(sqlite_store, "WAIT_SECONDS", 0.1)
    other = sqlite3.connect(ledger, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE x (y)")
    said = refusal()
    other.close()
    assert "is locked. Another program holds it" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no users without rights in this sense")
def test_a_ledger_that_may_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:  # `tmp_path` is closed to other users
        path = Path(folder) / "ledger.sqlite3"
        monkeypatch.setenv("MCP_MODELS_LEDGER", str(path))
        fill(path, [row(1, time.time())])
        path.chmod(0o400)
        os.chmod(folder, 0o500)
        if os.getuid() == 0:  # root may do anything, so ask as nobody
            for owned in (path, folder):
                os.chown(owned, NOBODY, NOBODY)
        said = _as_nobody() if os.getuid() == 0 else refusal()
        os.chmod(folder, 0o700)
    assert "Let your user write to it and to its folder" in said


def _as_nobody() -> str:
    def drop_root() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.close(reader)
        drop_root()
        os.write(writer, invoke("usage").stderr.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def test_a_postgresql_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", "postgresql://me:a-made-up-secret@127.0.0.1:1/db")
    said = refusal()
    assert "Check that the PostgreSQL runs" in said
    assert "a-made-up-secret" not in said


def test_without_the_extra_for_charts(ledger: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill(ledger, [row(1, time.time())])
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    for module in ("charts", "page"):  # as if nobody had imported them yet
        monkeypatch.delitem(sys.modules, f"mcp_models.client.usage.{module}", raising=False)
        monkeypatch.delattr(f"mcp_models.client.usage.{module}", raising=False)
    assert 'run `pip install "mcp-models[charts]"`' in refusal("--html", str(tmp_path / "page.html"))


def test_a_page_that_cannot_be_written(ledger: Path, tmp_path: Path) -> None:
    fill(ledger, [row(1, time.time())])
    assert "cannot be written: No such file or directory" in refusal("--html", str(tmp_path / "none" / "page.html"))


def test_no_other_command_imports_what_draws(ledger: Path) -> None:
    code = (
        "import sys; from mcp_models.client.commands.group import COMMANDS; import importlib;"
        "[importlib.import_module(name) for name in COMMANDS.values()]; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "mcp_models.client.commands.usage" in loaded
    assert {"jinja2", "vl_convert", "psycopg"} & set(loaded) == set()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of a hundred columns."""
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_tables_with_bars_in_a_terminal(ledger: Path, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("MCP_MODELS_BUDGET", "5 USD/day per provider")
    now = time.time()
    fill(ledger, [row(1, now, cost=4 * NANO), row(2, now, model="half", cost=2 * NANO), row(3, now, model="evil\x1b]0;x\x07")])
    code, shown = run_in_terminal("usage", "--by", "model")
    assert code == 0
    bars = {line.split()[0]: line.count("█") for line in shown.splitlines() if line.strip().startswith("openai/")}
    assert bars["openai/gpt-5.2"] == usage_text.BAR_WIDTH
    assert bars["openai/half"] == usage_text.BAR_WIDTH / 2
    assert "days are those of UTC" in shown
    assert "00:00 UTC" in shown
    assert "\x07" not in shown
    assert "\\x07" in shown
    assert "\x1b[3" not in shown


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_colours_in_a_terminal(ledger: Path, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    fill(ledger, [row(1, time.time())])
    assert "\x1b[36" in run_in_terminal("usage")[1]


def test_no_colours_and_no_frames_in_a_pipe(ledger: Path) -> None:
    fill(ledger, [row(1, time.time())])
    done = run("usage", "--by", "provider")
    assert (done.returncode, done.stdout.splitlines()[0].split("\t")[:2]) == (0, ["openai", "1"])
    assert "\x1b" not in done.stdout


def test_every_grouping_is_offered() -> None:
    assert set(queries.KEYS) == {"day", "provider", "model", "host"}
