"""The promises of tapes, in small. At full size: `bash run_with_env.sh -m tests.tapes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts.program import Program
from tests.tapes.hosts_round import answers, check_host, programs
from tests.tapes.suite_round import check_suite


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first run installs the hosts
@pytest.mark.parametrize("program", programs(), ids=lambda program: str(program.title))
def test_a_tape_says_to_a_real_host_what_the_server_said_byte_for_byte(program: Program, tmp_path: Path) -> None:
    one = check_host(program, tmp_path)
    assert one.failures == []
    assert one.lines >= 3


@pytest.mark.slow
def test_a_suite_of_200_calls_on_tape_takes_less_than_two_seconds(tmp_path: Path) -> None:
    seconds, failures = check_suite(tmp_path)
    assert failures == []
    assert seconds < 2


def test_a_hosts_answers_are_compared_without_its_ids_and_tokens_and_with_every_other_byte(tmp_path: Path) -> None:
    asked = '> 1.0 {"id":%s,"method":"tools/call","params":{"name":"complete","_meta":{"progressToken":%s}}}\n'
    said = '< 2.0 {"method":"notifications/progress","params":{"progressToken":%s,"progress":1}}\n'
    said += '< 3.0 {"id":%s,"result":{"id": 5}}\n'
    found = []
    for number, (request_id, token) in enumerate((("1", '"t"'), ('"x"', "7"))):
        log = tmp_path / str(number)
        log.write_text(asked % (request_id, token) + said % (token, request_id))
        found.append(answers(log))
    assert found[0] == found[1]
    assert next(iter(found[0].values())) == [
        [b'{"method":"notifications/progress","params":{"progressToken":_,"progress":1}}', b'{"id":_,"result":{"id": 5}}']
    ]
