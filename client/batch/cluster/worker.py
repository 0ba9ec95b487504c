"""Ask the rows that Ray gives to a worker. This is an ordinary run over a block of rows, with the journal that all share."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mcp_models.client.batch.cap import Cap
from mcp_models.client.batch.cluster.shared_journal import RunEnded, SharedJournal
from mcp_models.client.batch.errors import BatchError
from mcp_models.client.batch.pace import Pace
from mcp_models.client.batch.question import Found
from mcp_models.client.batch.reader import Reader
from mcp_models.client.batch.row import Row
from mcp_models.client.batch.run import BatchRun
from mcp_models.client.batch.summary import Summary
from mcp_models.client.mcp_model import MCPModel
from mcp_models.servers import load_provider
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.ledger.store import StoreError
from mcp_models.servers.core.ledger.target import Target, ledger_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_models.client.batch.journal import Settled
    from mcp_models.client.model import Model


class Plan(Struct, frozen=True):
    """What a worker must know. It holds no secret: keys and passwords are in the worker's own environment.

    Attributes:
        provider: The provider's name.
        model: The model, or None for the server's default.
        tier: The service tier to ask for, or None.
        concurrency: The most calls in flight in this worker.
        most: The most dollars that all workers may spend, or None.
        run: The batch's name in the journal.
        epoch: The run of the batch.
        journal: The journal's file. None means the PostgreSQL that MCP_MODELS_LEDGER names.
    """

    provider: str
    model: str | None
    tier: str | None
    concurrency: int
    most: float | None
    run: str
    epoch: int
    journal: str | None


class Item(Struct, frozen=True):
    """A row on its way to a worker.

    Attributes:
        number: The row's number.
        arguments: The arguments of `complete`, in JSON.
        highest: The most that it can cost in dollars, or None if that is not known.
    """

    number: int
    arguments: str
    highest: float | None = None


class Report(Struct, frozen=True):
    """What comes back from a worker: a row's result, or why it asks nothing more.

    Attributes:
        number: The row's number, or 0.
        line: The result, as it stands in an output.
        cost: What the row has cost in dollars, or None if only the result says so.
        ending: How the whole run has to end: `max_cost` or `stopped`. Empty in the report of a row.
        problem: Why, for people.
        error_type: The type of the error.
    """

    number: int = 0
    line: str = ""
    cost: float | None = None
    ending: str = ""
    problem: str = ""
    error_type: str | None = None


class Worker:
    """A worker with a model of its own. Ray makes one in each process, and calls it with blocks of rows.

    Args:
        plan: What to do.
        model: The model. None means the one in the plan.
    """

    def __init__(self, plan: Plan, model: Model | None = None) -> None:
        self._plan = plan
        env = {"MCP_MODELS_MAX_RETRIES": "0"}  # the run itself asks again, and sees every refusal
        self._model = model or MCPModel(plan.provider, plan.model, plan.provider, env=env)
        self._pace = Pace(plan.concurrency)
        # Ray calls from threads of its own, and the journal and the event loop belong to one.
        self._thread = ThreadPoolExecutor(1, "batch worker")
        self._thread.submit(self._open).result()

    def __call__(self, block: Any) -> Any:
        """Ask an Arrow table of items, and return one of reports."""
        import pyarrow

        reports = self.ask([msgspec.convert(item, Item) for item in block.to_pylist()])
        kinds = {"number": pyarrow.int64(), "cost": pyarrow.float64()}
        schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in Report.__struct_fields__])
        return pyarrow.Table.from_pylist([msgspec.structs.asdict(report) for report in reports], schema=schema)

    def ask(self, items: Sequence[Item]) -> list[Report]:
        """Ask the rows that have no result in the journal, and return the results of all. Errors are data: it raises none."""
        return self._thread.submit(self._ask, items).result()

    def close(self) -> None:
        """End the model's server and close the journal."""
        self._model.close()
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _open(self) -> None:
        self._runner = asyncio.Runner()
        self._journal = SharedJournal(journal_target(self._plan.journal), self._plan.run, self._plan.epoch)

    def _close(self) -> None:
        self._journal.close()
        self._runner.close()

    def _ask(self, items: Sequence[Item]) -> list[Report]:
        summary = Summary()
        try:
            with contextlib.suppress(RunEnded):
                self._runner.run(self._asked(items, summary))
        except Exception as error:
            problem = str(error) if isinstance(error, BatchError) else f"a worker failed: {error!r}"
            summary = Summary(ending="stopped", problem=problem, error_type="internal")
        ending = Report(ending=summary.ending, problem=summary.problem, error_type=summary.error_type)
        endings = [] if summary.ending == "complete" else [ending]
        try:
            if endings:
                self._journal.end()  # the other workers need not wait until Ray has passed it on
            answers = self._journal.answers([item.number for item in items])
        except StoreError as error:
            return [
                Report(ending="stopped", problem=f"the journal of the workers cannot be read: {error}", error_type="internal")
            ]
        return [*(Report(answer.number, answer.line, answer.cost) for answer in answers), *endings]

    async def _asked(self, items: Sequence[Item], summary: Summary) -> None:
        plan = self._plan
        reader = Reader(map(_row, items), _nothing)
        cap = SharedCap(self._journal, load_provider(plan.provider), plan.most)
        store = WorkerStore(self._journal)
        await WorkerRun(self._model, reader, store, self._pace, cap, summary, plan.tier, _nothing).run()


class WorkerRun(BatchRun):
    """A run in a worker. Its journal is used in one thread only."""

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)


class WorkerStore:
    """The rows of a worker, in the journal that all share.

    Args:
        journal: The journal.
    """

    size = 0

    def __init__(self, journal: SharedJournal) -> None:
        self._journal = journal

    def look(self, row: Row) -> Found:
        """Return whether a row is settled, maybe by another worker."""
        return Found(self._journal.state(row.number), False, None)  # type: ignore[arg-type]

    def append(self, number: int, line: bytes) -> int:
        """Keep a row's line in the journal."""
        state = "failed" if b'"error_type":' in line and "error_type" in msgspec.json.decode(line) else "done"
        self._journal.append(number, state, line.decode())
        return 0

    def read(self, place: int) -> bytes:
        """Return nothing: no two rows of a block ask for the same."""
        raise NotImplementedError

    def commit(self, asked: Sequence[Row], settled: Sequence[Settled], size: int) -> None:  # noqa: ARG002
        """Write down which rows will be asked, and what settled ones have cost."""
        self._journal.commit([row.number for row in asked], [(row.cost, row.number) for row in settled])

    def withdraw(self, rows: Sequence[Row]) -> None:
        """Forget rows that were not asked after all."""
        self._journal.withdraw([row.number for row in rows])


class SharedCap(Cap):
    """A sum of money that all workers share.

    Args:
        journal: The journal, which counts it.
        options: As for `Cap`.
    """

    def __init__(self, journal: SharedJournal, *options: Any) -> None:
        super().__init__(*options)
        self._journal, self._owed = journal, 0.0

    def reserve(self, row: Row) -> bool:
        """Reserve a call, and return whether it fits."""
        return self.most is None or self._journal.reserve(row.highest or 0.0, self.most)

    def book(self, row: Row, cost: float | None, may_be_charged: bool) -> float:
        """Replace a reservation by what the call has cost, and return that."""
        booked = super().book(row, cost, may_be_charged)
        if self.most is not None:
            self._owed += booked - (row.highest or 0.0)
            with contextlib.suppress(StoreError):  # a result is worth more than the sum: it is counted with the next one
                self._journal.spend(self._owed)
                self._owed = 0.0
        return booked


def journal_target(path: str | None) -> Target:
    """Return where the journal is.

    Args:
        path: Its file, or None for the PostgreSQL that MCP_MODELS_LEDGER names.

    Raises:
        BatchError: It names none.
    """
    if path is not None:
        return Target(path, is_postgres=False)
    found = shared_database()
    if found is None:
        raise BatchError(
            "MCP_MODELS_LEDGER must name the same PostgreSQL for each worker as for the program that has the output"
        )
    return found


def shared_database() -> Target | None:
    """Return the PostgreSQL of the ledger, or None if the ledger is not in one.

    Raises:
        BatchError: MCP_MODELS_LEDGER makes no sense.
    """
    try:
        target = ledger_target(os.environ)
    except ConfigurationError as error:
        raise BatchError(error.message) from None
    return target if target is not None and target.is_postgres else None


def _row(item: Item) -> Row:
    return Row(
        item.number,
        item.number,
        arguments=_decoded(item.arguments),
        fingerprint=str(item.number).encode(),
        highest=item.highest,
    )


def _nothing(_: object) -> None:
    """Do nothing: a worker shows nobody anything."""


_decoded = functools.partial(msgspec.json.decode, type=dict[str, Any])
