"""Keep in the journal which jobs of a provider's Batch API were sent, and which rows are in each.

A job's name is on the disk before the job is sent, and its id as soon as it is known. In between, the provider may have it or
not, and must be asked. The rows are kept with their columns, so that another machine can collect the results.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from mcp_models.client.batch.journal import Journal
from mcp_models.client.batch.row import Row, fingerprint


class Job(Struct):
    """A job that was sent, or was about to be.

    Attributes:
        name: Our name for it.
        model: The model of its first request.
        created: When it was written down, in seconds since 1970.
        id: The provider's id for it, or None if that is not known.
    """

    name: str
    model: str
    created: float
    id: str | None = None


class JobsJournal:
    """The jobs in a journal. Use it from the journal's thread.

    Args:
        journal: The journal.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal, self._db = journal, journal.db

    def jobs(self) -> list[Job]:
        """Return the jobs whose results have not all been collected."""
        return [Job(*fields) for fields in self._db.execute("SELECT name, model, created, id FROM jobs ORDER BY created")]

    def next_name(self) -> str:
        """Return a name that no job of this or another batch has."""
        return f"{self._journal.run_id[:16]}-{time.time_ns() // 1000:x}"

    def begin(self, job: Job, rows: Sequence[tuple[str, Row]]) -> None:
        """Write down a job that will be sent, and wait until that is on the disk.

        Args:
            job: The job.
            rows: Its rows, each with the id that it has in the job.
        """
        schemas: dict[str, bytes] = {}
        kept = []
        for item, row in rows:
            schema = None if row.request is None else row.request.response_schema
            name = None if schema is None else f"schema {fingerprint(schema).hex()}"
            if name is not None and name not in schemas:
                schemas[name] = msgspec.json.encode(schema)
            kept.append((item, job.name, row.number, msgspec.json.encode((row.id, row.columns, name))))
        with self._journal.transaction():
            self._db.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", schemas.items())
            self._journal.add(row for _, row in rows)
            self._db.execute("INSERT INTO jobs VALUES (?, ?, ?, ?)", msgspec.structs.astuple(job))
            self._db.executemany("INSERT INTO job_rows VALUES (?, ?, ?, ?)", kept)

    def set_id(self, name: str, job_id: str | None) -> None:
        """Write down the provider's id for a job, or that it is not known."""
        self._db.execute("UPDATE jobs SET id = ? WHERE name = ?", (job_id, name))

    def requests(self, name: str) -> int:
        """Return how many requests a job has."""
        return int(self._db.execute("SELECT count(*) FROM job_rows WHERE job = ?", (name,)).fetchone()[0])

    def has(self, number: int) -> bool:
        """Return whether a row is in a job."""
        return self._db.execute("SELECT 1 FROM job_rows WHERE number = ?", (number,)).fetchone() is not None

    def reserved(self) -> tuple[int, float]:
        """Return how many rows wait for a job, and what they may cost in dollars."""
        query = "SELECT count(*), coalesce(sum(highest), 0) FROM rows JOIN job_rows USING (number) WHERE state = 'asked'"
        count, cost = self._db.execute(query).fetchone()
        return int(count), float(cost)

    def row(self, item: str) -> Row | None:
        """Return the row that has this id in its job, as far as its line needs it. None if it already has a line."""
        query = (
            "SELECT number, fingerprint, highest, row FROM rows JOIN job_rows USING (number) WHERE item = ? AND state = 'asked'"
        )
        found = self._db.execute(query, (item,)).fetchone()
        if found is None:
            return None
        row_id, columns, *schema = msgspec.json.decode(found[3])
        return Row(found[0], row_id, columns, self._arguments(*schema), fingerprint=found[1], highest=found[2])

    def _arguments(self, schema: str | None = None) -> dict[str, Any]:
        """Return a row's arguments, as far as its result depends on them."""
        if schema is None:
            return {}
        (found,) = self._db.execute("SELECT value FROM facts WHERE name = ?", (schema,)).fetchone()
        return {"response_schema": msgspec.json.decode(found)}

    def close(self, name: str) -> tuple[int, float]:
        """Forget a job. Return how many of its rows got no result, and what was reserved for them: they can be asked again."""
        rows = "SELECT number FROM job_rows WHERE job = ?"
        with self._journal.transaction():
            missing, cost = self._db.execute(
                f"SELECT count(*), coalesce(sum(highest), 0) FROM rows WHERE state = 'asked' AND number IN ({rows})", (name,)
            ).fetchone()
            self._db.execute(f"DELETE FROM rows WHERE state = 'asked' AND number IN ({rows})", (name,))
            self._db.execute("DELETE FROM job_rows WHERE job = ?", (name,))
            self._db.execute("DELETE FROM jobs WHERE name = ?", (name,))
        return int(missing), float(cost)
