"""Define the tables and views of the ledger, one step a version, in the words that SQLite and PostgreSQL share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_TABLES = """
CREATE TABLE calls (
    id TEXT PRIMARY KEY,
    started_at {time} NOT NULL,
    provider TEXT NOT NULL,
    model_asked TEXT NOT NULL,
    model TEXT,
    host TEXT,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens BIGINT,
    service_tier TEXT,
    cost_usd {real},
    cache_savings_usd {real},
    held_usd {real},
    latency_ms BIGINT NOT NULL,
    stop_reason TEXT,
    error_type TEXT,
    request_id TEXT,
    refused SMALLINT NOT NULL
);
CREATE INDEX calls_started_at ON calls (started_at);
CREATE TABLE hourly_totals (
    hour BIGINT NOT NULL,
    provider TEXT NOT NULL,
    host TEXT NOT NULL,
    nano_usd BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (hour, provider, host)
);
CREATE TABLE reservations (
    id TEXT PRIMARY KEY,
    started {real} NOT NULL,
    expires {real} NOT NULL,
    provider TEXT NOT NULL,
    host TEXT NOT NULL,
    nano_usd BIGINT NOT NULL
);
"""

# What the views have in common. A call that the budget refused was never made, so it counts among the errors only.
_SUMS = """
    SUM(1 - refused) AS calls,
    SUM(CASE WHEN error_type IS NULL THEN 0 ELSE 1 END) AS errors,
    SUM(input_tokens) AS input_tokens,
    SUM(output_tokens) AS output_tokens,
    SUM(cost_usd) AS cost_usd,
    SUM(cache_savings_usd) AS cache_savings_usd,
    SUM(CASE WHEN cost_usd IS NULL AND error_type IS NULL THEN 1 ELSE 0 END) AS calls_of_unknown_cost
"""

# How long answers took, with `period` as a further condition on the calls.
LATENCIES: Final = """SELECT provider, model, COUNT(*) AS calls,
        MIN(CASE WHEN part >= 0.5 THEN latency_ms END) AS p50_ms,
        MIN(CASE WHEN part >= 0.95 THEN latency_ms END) AS p95_ms,
        MIN(CASE WHEN part >= 0.99 THEN latency_ms END) AS p99_ms,
        MAX(latency_ms) AS max_ms
    FROM (
        SELECT provider, answered AS model, latency_ms,
            CUME_DIST() OVER (PARTITION BY provider, answered ORDER BY latency_ms) AS part
        FROM calls_by_time WHERE error_type IS NULL AND COALESCE(service_tier, '') <> 'batch'{period}
    ) AS ranked GROUP BY provider, model"""

_VIEWS = f"""
CREATE VIEW calls_by_time AS
    SELECT {{day}} AS day, COALESCE(model, model_asked) AS answered, calls.* FROM calls;
CREATE VIEW spend_by_day AS
    SELECT day, {_SUMS} FROM calls_by_time GROUP BY day;
CREATE VIEW spend_by_provider AS
    SELECT provider, {_SUMS} FROM calls_by_time GROUP BY provider;
CREATE VIEW spend_by_model AS
    SELECT provider, answered AS model, {_SUMS} FROM calls_by_time GROUP BY provider, answered;
CREATE VIEW spend_by_host AS
    SELECT host, {_SUMS} FROM calls_by_time GROUP BY host;
CREATE VIEW errors_by_type AS
    SELECT provider, answered AS model, error_type, COUNT(*) AS errors, MAX(started_at) AS last_at
    FROM calls_by_time WHERE error_type IS NOT NULL GROUP BY provider, answered, error_type;
CREATE VIEW latency_by_model AS
    {LATENCIES.format(period="")};
"""

MIGRATIONS: Final[tuple[str, ...]] = (_TABLES + _VIEWS,)
"""The steps from an empty database to the newest version. A step that has been released never changes."""

SUMS: Final = _SUMS

SQLITE_WORDS: Final = {"time": "TEXT", "real": "REAL", "day": "SUBSTR(started_at, 1, 10)"}
POSTGRES_WORDS: Final = {
    "time": "TIMESTAMPTZ",
    "real": "DOUBLE PRECISION",
    "day": "TO_CHAR(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
