"""Put a test's tapes beside the test: what the fixture `tape` gives."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from mcp_models.client.models.recorded import Recorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_models.client.model import Model
    from mcp_models.client.models.recorded import Mode

_LONGEST_NAME = 100


class Tapes:
    """The tapes of one test. Call it with a model, or with a function that returns one, to get the recorded model.

    Args:
        test_file: The file that the test is in.
        test_name: The test's name, with its class and parameters.
        mode: `replay`, `record` or `auto`.
    """

    def __init__(self, test_file: Path, test_name: str, mode: Mode) -> None:
        self._folder, self._name, self._mode = test_file.parent / "tapes" / test_file.stem, _file_name(test_name), mode
        self._recorded: list[Recorded] = []

    def __call__(
        self, model: Model | Callable[[], Model], name: str = "", *, speed: float = 0.0, repeat: bool = False
    ) -> Recorded:
        """Return a model whose answers are on a tape of this test.

        Args:
            model: The model, or a function that returns it. A replay calls no function.
            name: Tells the tapes apart if the test has several. By default the second is called `2`, and so on.
            speed: How fast: 1 as recorded, 0 at once.
            repeat: Whether the last recording of a question answers it again and again.

        Raises:
            TapeError: There is no tape, and the mode is `replay`.
        """
        part = name or (str(len(self._recorded) + 1) if self._recorded else "")
        file = f"{self._name}.{_file_name(part)}.jsonl" if part else f"{self._name}.jsonl"
        self._recorded.append(Recorded(model, self._folder / file, self._mode, speed=speed, repeat=repeat))
        return self._recorded[-1]

    def close(self) -> None:
        """Close the tapes and the models that were asked."""
        for recorded in self._recorded:
            recorded.close()


def _file_name(name: str) -> str:
    """Return a name that every file system takes. Two names never become the same file."""
    plain = name.replace("::", ".").replace("[", "-").removesuffix("]")
    safe = re.sub(r"[^\w.-]+", "_", plain, flags=re.ASCII)[:_LONGEST_NAME]
    return safe if safe == plain else f"{safe}.{hashlib.sha256(name.encode()).hexdigest()[:8]}"
