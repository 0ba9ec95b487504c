"""Store keys in the system's keychain through the library keyring, with a limit on every wait.

A locked keychain asks the user, and some wait for the answer for ever. keyring takes 80 to 300 ms to import and to find its
backend, so it is only imported for keys that are in the keychain.
"""

from __future__ import annotations

from mcp_models.client.bounded import within
from mcp_models.client.key_store import KeyStoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

SERVICE = "mcp-models"
SECONDS = 15.0
"""How long a keychain may take, in seconds. Hosts give a server 10 to 60 seconds to start."""


def get(variable: str) -> str:
    """Return the key for a variable.

    Raises:
        KeyStoreError: There is no keychain, it does not have the key, or it did not answer in time.
    """
    found = _asked(lambda: _keyring().get_password(SERVICE, variable))
    if not found:
        raise KeyStoreError(f"the keychain has no {variable}: run `mcp-models keys set` for it again.")
    return str(found)


def put(variable: str, key: str) -> None:
    """Store a key, and read it back as a check.

    Raises:
        KeyStoreError: As in `get`.
    """
    _asked(lambda: _keyring().set_password(SERVICE, variable, key))
    if get(variable) != key:
        raise KeyStoreError("the keychain did not keep the key: store it without --keychain.")


def delete(variable: str) -> None:
    """Remove a key. A missing key is not an error.

    Raises:
        KeyStoreError: As in `get`.
    """

    def remove() -> None:
        keyring = _keyring()
        if keyring.get_password(SERVICE, variable) is not None:
            keyring.delete_password(SERVICE, variable)

    _asked(remove)


def _keyring() -> Any:
    import keyring
    import keyring.backends.fail

    backend = keyring.get_keyring()
    if isinstance(backend, keyring.backends.fail.Keyring):
        raise KeyStoreError("this system has no keychain that works: store the key without --keychain.")
    return backend


def _asked(question: Callable[[], T]) -> T:
    """Return the answer to a question to the keychain, and give up after `SECONDS`."""
    try:
        return within(SECONDS, question)
    except KeyStoreError:
        raise
    except TimeoutError:
        raise KeyStoreError(f"the keychain did not answer within {SECONDS:.0f} seconds: unlock it.") from None
    except ImportError:
        raise KeyStoreError('the package `keyring` is not installed: run `pip install "mcp-models[keychain]"`.') from None
    except BaseException as error:  # keyring's backends raise whatever their systems raise
        # Name only the error's type, as a library's message may quote the key.
        said = f"the keychain failed ({type(error).__name__}): unlock it, or store the key without it."
    raise KeyStoreError(said)
