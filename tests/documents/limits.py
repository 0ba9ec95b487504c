"""List every limit on size, number and time, and make a table of them with the values of the present code."""

from __future__ import annotations

from typing import NamedTuple

from mcp_models.client import chunk_queue, client_session, key_store, model, process, server_handle, stderr_tail
from mcp_models.client.tapes import recorder as tape_recorder
from mcp_models.servers.codex import app_server, kept_threads, turn
from mcp_models.servers.core import (
    TIMEOUT_DEFAULT,
    dispatcher,
    http,
    loop_transport,
    progress,
    protocol,
    response_limits,
    retry,
    service,
    settings,
    stdio,
    structured,
)
from mcp_models.servers.core.files import attach, paths, patterns
from mcp_models.servers.core.ledger import pending, recorder, row, store, writer
from mcp_models.servers.core.tasks import arguments as task_arguments
from mcp_models.servers.core.tasks import conversations
from mcp_models.servers.core.tasks import store as task_store
from mcp_models.servers.core.telemetry import worker
from mcp_models.servers.core.transport import lines
from mcp_models.servers.core.transport import stdio as transport
from mcp_models.servers.streamable_http import app, authentication, connection, exchange, labels, run, token_file


class Limit(NamedTuple):
    """A limit.

    Attributes:
        what: What is limited.
        value: How much is allowed, with its unit.
        beyond: What happens beyond it.
        test: The test that goes beyond it, as pytest names it below `tests/`.
        variable: The environment variable or the argument that changes it. Empty if nothing does.
    """

    what: str
    value: str
    beyond: str
    test: str
    variable: str = ""


def table() -> str:
    """Return all limits as Markdown tables."""
    parts = []
    for title, limits in _limits().items():
        rows = [f"| {row.what} | {row.value} | {row.variable} | {row.beyond} | `{row.test}` |" for row in limits]
        parts.append(
            "\n".join([f"### {title}", "", "| what | limit | changed by | beyond it | test |", "|---|---|---|---|---|", *rows])
        )
    return "\n\n".join(parts)


def tests() -> list[str]:
    """Return the tests that the table names."""
    return [row.test for limits in _limits().values() for row in limits]


def _limits() -> dict[str, list[Limit]]:
    return {
        "What a host sends to a server": _HOST,
        "What a provider sends to a server": _PROVIDER,
        "What a server sends to the bridge": _SERVER,
        "Files by path": _FILES,
        "Tasks and conversations": _TASKS,
        "The ledger and the budget": _LEDGER,
        "What comes to a server over HTTP": _HTTP,
    }


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} KB" if count >= 1 << 13 else f"{count:,} bytes"


_STDIO = "servers/core/test_stdio.py"
_TAPES = "client/tapes/test_recorder.py"
_LIMITS = "servers/test_response_limits.py"
_STORE = "servers/core/tasks/test_store.py"
_HOSTILE = "client/test_hostile_servers.py"

_HOST = [
    Limit(
        "a line",
        _size(lines.MAX_LINE_BYTES),
        "error `-32600`; the rest of the line is skipped",
        f"{_STDIO}::test_a_line_without_end_is_refused_and_kept_nowhere",
    ),
    Limit("nesting of a line", "about 1,000 levels", "error `-32700`", f"{_STDIO}::test_deep_json_does_not_end_the_server"),
    Limit(
        "calls in flight",
        f"{dispatcher.MAX_CALLS:,}",
        "error `-32600`",
        f"{_STDIO}::test_too_many_calls_at_once_are_refused_and_the_others_answered",
    ),
    Limit(
        "output that the host has not read",
        _size(lines.MAX_UNREAD_BYTES),
        "the server reads no further input",
        f"{_STDIO}::test_a_host_that_never_reads_is_read_no_more",
    ),
    Limit(
        "a `progressToken`",
        f"{protocol.MAX_TOKEN_CHARACTERS:,} characters",
        "error `-32602`",
        "servers/core/test_protocol.py",
    ),
    Limit(
        "progress of one call",
        f"one every {progress.TEXT_SECONDS} s",
        "pieces of text are put together; a caller that streams gets every piece",
        f"{_STDIO}::test_progress_increases_strictly_and_stops_with_the_answer",
    ),
    Limit(
        "a call, with its retries",
        f"{TIMEOUT_DEFAULT:g} s",
        "error `timeout`",
        "servers/core/test_service.py::test_the_deadline_ends_the_call_and_keeps_what_had_come",
        f"`timeout`, `{settings.TIMEOUT_VARIABLE}`",
    ),
    Limit(
        "the end after stdin's end, if the host does not read",
        f"{transport.FLUSH_SECONDS:g} s",
        "exit code 1",
        f"{_STDIO}::test_a_host_that_reads_nothing_at_the_end_is_not_waited_for_forever",
    ),
    Limit(
        "the end after a signal",
        f"{stdio.SHUTDOWN_SECONDS} s",
        "the process is gone",
        f"{_STDIO}::test_a_signal_ends_a_server_whose_event_loop_is_blocked",
    ),
    Limit(
        "noticing that the host is gone",
        f"{loop_transport.CHECK_SECONDS} s",
        "calls are aborted",
        f"{_STDIO}::test_a_closed_stdout_ends_the_server_though_its_input_stays_open",
    ),
]

_PROVIDER = [
    Limit(
        "an event of a stream, or a whole body that is no stream",
        _size(response_limits.LONGEST_EVENT),
        "error `provider_error`",
        f"{_LIMITS}::test_each_kind_of_endless_response_ends_in_an_error",
    ),
    Limit(
        "a streamed response, unpacked",
        _size(response_limits.LONGEST_RESPONSE),
        "error `provider_error`",
        f"{_LIMITS}::test_each_kind_of_endless_response_ends_in_an_error",
    ),
    Limit(
        "the body of an error",
        _size(response_limits.LONGEST_ERROR),
        "the rest is not read",
        f"{_LIMITS}::test_each_kind_of_endless_response_ends_in_an_error",
    ),
    Limit(
        "an answer's text",
        f"{service.LONGEST_TEXT >> 20} million characters",
        "error `provider_error`",
        "servers/core/test_service.py::test_a_text_without_end_is_stopped",
    ),
    Limit(
        "nesting of a structured answer",
        f"{structured.MAX_DEPTH} levels",
        "it is passed on as text, with a warning",
        "servers/core/test_structured.py::test_what_clients_could_not_read_is_not_passed_on_as_json",
    ),
    Limit(
        "connecting",
        f"{http.CONNECT_SECONDS:g} s",
        "error `connection`, tried again",
        "servers/test_openai_api.py::test_nothing_at_the_address",
    ),
    Limit(
        "retries",
        f"{settings.RETRIES_DEFAULT}, {retry.FIRST_WAIT} to {retry.LONGEST_WAIT:g} s apart",
        "the last error",
        "servers/core/test_retry.py::test_a_wait_beyond_the_deadline_ends_the_call_at_once",
        f"`{settings.RETRIES_VARIABLE}`",
    ),
    Limit(
        "requests of codex in one turn",
        str(turn.MOST_REQUESTS),
        "error `provider_error`; the turn is interrupted",
        "servers/codex/test_engines.py::test_a_model_that_keeps_calling_tools_is_stopped",
    ),
    Limit(
        "threads of codex for conversations that may go on",
        f"{kept_threads.MOST_THREADS}",
        "the one used least recently is ended; its conversation is written out",
        "servers/codex/test_kept_threads.py::test_the_oldest_and_those_in_which_the_same_was_said_have_to_go",
    ),
    Limit(
        "an answer of codex to a request",
        f"{app_server.ANSWER_SECONDS:g} s",
        "error `provider_error`; codex is started anew",
        "servers/codex/test_app_server.py::test_a_process_that_does_not_answer_is_killed",
    ),
]

_TASKS = [
    Limit(
        "tasks at work",
        f"{task_store.MOST_AT_WORK:,}",
        "error `rate_limit`",
        f"{_STORE}::test_too_many_tasks_at_work_are_refused",
    ),
    Limit(
        "an answer that was collected",
        f"{task_store.KEEP_SECONDS:g} s",
        "forgotten; a further call says so",
        f"{_STORE}::test_a_collected_answer_stays_for_an_hour_and_one_that_nobody_came_for_longer",
    ),
    Limit(
        "answers kept",
        f"{task_store.MOST_RESULTS}, {task_store.MOST_CHARACTERS >> 20} million characters together",
        "the oldest is forgotten, and first those that were collected",
        f"{_STORE}::test_too_many_answers_push_out_the_oldest_and_those_that_were_collected_first",
    ),
    Limit(
        "conversations",
        f"{conversations.MOST_CONVERSATIONS}, {conversations.MOST_CHARACTERS >> 20} million characters together",
        "the one used least recently is forgotten; the next answer under its name says so",
        "servers/core/tasks/test_conversations.py::test_the_conversation_used_least_recently_is_forgotten_first",
    ),
    Limit(
        "a conversation's name",
        f"{task_arguments.LONGEST_NAME} characters",
        "error `invalid_request`",
        "servers/core/tasks/test_calls.py::test_what_makes_no_sense_is_refused_with_a_sentence",
    ),
]

_SERVER = [
    Limit(
        "a line",
        _size(process.MAX_LINE_BYTES),
        "`ServerProtocolError`",
        f"{_HOSTILE}::test_a_line_without_end_ends_the_handshake",
    ),
    Limit(
        "requests to a server that does not read",
        _size(process.MAX_UNSENT_BYTES),
        "`SessionTimeoutError`",
        "client/test_process.py::test_what_waits_for_a_server_is_bounded",
    ),
    Limit(
        "text of a stream that you have not read",
        f"{chunk_queue.MAX_UNREAD_CHARACTERS >> 20} million characters",
        "`ServerProtocolError`",
        f"{_HOSTILE}::test_a_stream_that_nobody_reads_is_bounded",
    ),
    Limit(
        "stderr that is kept",
        f"{stderr_tail.MAX_LINES} lines of {stderr_tail.MAX_LINE_BYTES:,} bytes",
        "older lines are dropped",
        "client/test_server_handle.py::test_the_stderr_tail_is_the_end_and_holds_no_secret",
    ),
    Limit(
        "a server's words in an error",
        f"{client_session.MAX_QUOTE} characters",
        "the rest is left out",
        f"{_HOSTILE}::test_a_long_error_text_is_quoted_in_part",
    ),
    Limit(
        "starting a server",
        f"{server_handle.START_SECONDS:g} s",
        "`SessionTimeoutError`",
        "client/test_misbehaving.py::test_a_server_that",
        "`start_timeout`",
    ),
    Limit(
        "waiting for an answer",
        f"the call's deadline and {model.GRACE_SECONDS:g} s",
        "`SessionTimeoutError`, and the call is cancelled",
        f"{_HOSTILE}::test_a_flood_of_requests_from_a_server_that_reads_nothing_holds_no_call",
        "`timeout`",
    ),
    Limit(
        "stopping a server",
        f"{client_session.STOP_SECONDS:g} s",
        "it is killed",
        "client/test_server_handle.py::test_a_stubborn_server_is_killed",
    ),
    Limit(
        "the file of stored keys",
        _size(key_store.MAX_BYTES),
        "it is refused",
        "client/commands/test_keys.py::test_a_file_that_holds_something_else_is_refused",
    ),
    Limit(
        "what waits to be written to a tape",
        _size(tape_recorder.MAX_WAITING_BYTES),
        "one warning; the session goes on without a tape",
        f"{_TAPES}::test_a_disk_that_does_not_keep_up_ends_the_tape_and_not_the_session",
    ),
]

_HOSTILE_PATHS = "servers/core/files/test_hostile_paths.py"

_FILES = [
    Limit(
        "files of one call",
        f"{attach.MOST_FILES}",
        "error `invalid_request`; nothing is sent",
        f"{_HOSTILE_PATHS}::test_too_many_files_and_too_many_names_are_refused",
    ),
    Limit(
        "a text",
        _size(attach.LARGEST_TEXT),
        "it is refused",
        f"{_HOSTILE_PATHS}::test_too_many_files_and_too_many_names_are_refused",
    ),
    Limit("all files of a call together", _size(attach.LARGEST_FILE), "the file is refused", _HOSTILE_PATHS),
    Limit(
        "names that a pattern looks at",
        f"{patterns.MOST_NAMES:,}, for {patterns.SECONDS:g} s, {patterns.MOST_FOLDERS_DEEP} folders deep",
        "the pattern is refused; it looks no deeper",
        f"{_HOSTILE_PATHS}::test_too_many_files_and_too_many_names_are_refused",
    ),
    Limit(
        "a path",
        f"{paths.LONGEST_PATH:,} bytes, {paths.DEEPEST} parts",
        "it is refused",
        f"{_HOSTILE_PATHS}::test_no_hostile_path_is_read_and_each_refusal_names_the_path_and_the_reason",
    ),
    Limit(
        "a `.gitignore`",
        f"{_size(patterns.LONGEST_GITIGNORE)}, {patterns.MOST_LINES} lines, "
        f"each with {patterns.MOST_STARS} `*` and {patterns.MOST_ANY_FOLDERS} `**`",
        "the pattern is refused",
        f"{_HOSTILE_PATHS}::test_a_gitignore_that_would_take_forever_is_not_used",
    ),
    Limit(
        "reading the files of a call",
        f"{attach.READ_SECONDS:g} s",
        "error `timeout`",
        "servers/core/files/test_attach.py::test_a_disk_that_does_not_answer_is_waited_for_within_bounds",
    ),
]

_LEDGERS = "servers/core/ledger"

_LEDGER = [
    Limit(
        "waiting for a reservation",
        f"{recorder.RESERVE_SECONDS:g} s, and the call's timeout",
        "error `billing`; nothing is sent",
        f"{_LEDGERS}/test_recorder.py::test_a_ledger_that_does_not_answer_is_waited_for_within_bounds",
    ),
    Limit(
        "waiting for another process that writes",
        f"{store.WAIT_SECONDS:g} s",
        "a warning; the rows are written later",
        f"{_LEDGERS}/test_writer.py::test_a_locked_ledger_costs_a_warning_and_no_row",
    ),
    Limit(
        "a reservation of a server that was killed",
        f"the call's timeout and {store.SETTLE_SECONDS + store.FREE_SECONDS:g} s",
        "it is freed",
        f"{_LEDGERS}/test_store.py::test_a_reservation_of_a_killed_process_is_freed_after_the_calls_deadline",
    ),
    Limit(
        "rows of a process that the database does not take",
        _size(pending.MAX_BYTES),
        "a warning; further rows are lost",
        f"{_LEDGERS}/test_pending.py::test_what_waits_has_a_bound",
    ),
    Limit(
        "a pause after a failure of the database",
        f"{writer.LONGEST_BREAK:g} s",
        "it is tried again",
        f"{_LEDGERS}/test_writer.py::test_a_ledger_that_cannot_be_used_costs_one_warning",
    ),
    Limit(
        "a name or an id in a row",
        f"{row.LONGEST_TEXT} characters",
        "it is cut",
        f"{_LEDGERS}/test_row.py::test_names_are_short_and_printable",
    ),
]

_RULES = "servers/streamable_http/test_rules.py"
_METRICS = "servers/streamable_http/test_metrics.py"
_HTTP_CALLS = "servers/streamable_http/test_calls.py"

_CONNECTION = "servers/streamable_http/test_connection.py"

_HTTP = [
    Limit("a body", _size(app.MAX_BODY_BYTES), "status 413", f"{_RULES}::test_a_message", "`--max-body`"),
    Limit(
        "the arrival of a body",
        f"{exchange.BODY_SECONDS:g} s",
        "status 408",
        f"{_RULES}::test_a_body_that_does_not_come_is_not_waited_for",
    ),
    Limit(
        "requests in flight",
        str(app.MAX_REQUESTS),
        f"status 503, `Retry-After: {app.RETRY_SECONDS}`",
        f"{_HTTP_CALLS}::test_a_full_server_says_when_to_come_back",
        "`--max-requests`",
    ),
    Limit(
        "a request's head, and what follows its body",
        _size(connection.MAX_HEAD_BYTES),
        "status 431",
        f"{_CONNECTION}::test_a_head_that_is_too_long_is_refused",
    ),
    Limit(
        "the arrival of a request's head",
        f"{connection.HEAD_SECONDS:g} s",
        "the connection is closed",
        f"{_CONNECTION}::test_a_head_that_does_not_end_in_time_is_not_waited_for",
    ),
    Limit(
        "a new connection without a request",
        f"{connection.SILENT_SECONDS:g} s",
        "it is closed",
        f"{_CONNECTION}::test_a_connection_without_a_request_is_closed",
    ),
    Limit(
        "an answer that the client does not read",
        f"{connection.STUCK_SECONDS:g} s",
        "the connection is closed",
        f"{_HTTP_CALLS}::test_a_client_that_reads_nothing_is_cut_off",
    ),
    Limit(
        "a bearer token",
        f"{authentication.LONGEST_TOKEN:,} characters",
        "status 401",
        "servers/streamable_http/test_authentication.py::test_a_request_without_a_valid_token_is_challenged_with_an_error_that_clients_read",
    ),
    Limit(
        "the file of tokens",
        _size(token_file.MAX_BYTES),
        "it is not used",
        "servers/streamable_http/test_authentication.py::test_a_file_of_tokens_that_is_too_long_is_not_used",
    ),
    Limit(
        "calls in flight after a SIGTERM",
        f"{run.DRAIN_SECONDS} s",
        "they are cancelled",
        "client/commands/test_serve_http.py::test_a_sigterm_lets_calls_end_and_takes_no_more",
        "`--drain`",
    ),
    Limit(
        "models with metrics of their own",
        f"{labels.MAX_MODELS}",
        "further ones count as `(other)`",
        f"{_METRICS}::test_made_up_models_and_callers_make_no_endless_series",
    ),
    Limit(
        "callers with metrics of their own",
        f"{labels.MAX_CALLERS}",
        "further ones count as `(other)`",
        f"{_METRICS}::test_made_up_models_and_callers_make_no_endless_series",
    ),
    Limit(
        "combinations of provider, model and caller",
        f"{labels.MAX_COMBINATIONS:,}",
        "further callers count as `(other)`",
        f"{_METRICS}::test_made_up_models_and_callers_make_no_endless_series",
    ),
    Limit(
        "calls that wait to be traced or logged",
        f"{worker.MAX_WAITING:,}",
        "further ones are dropped, with a warning",
        "servers/core/telemetry/test_worker.py::test_what_is_too_much_is_dropped_with_one_warning",
    ),
]
