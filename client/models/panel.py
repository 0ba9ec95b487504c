"""Define `Panel`."""

from __future__ import annotations

from mcp_models.client.model import Model
from mcp_models.client.model_group import ModelGroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.client.attempt import GroupRequest
    from mcp_models.client.group_results import PanelResult


class Panel(ModelGroup["PanelResult"]):
    """A model that asks several models at once and tells whether they agree.

    The `output` is the answer that most of them gave; if there are several such, that of the first of the models. Two answers
    are the same if they have the same words, apart from case and white space, or the same JSON if you gave a schema. A `judge`
    also finds those that say the same in other words. A stream of a panel is that output in one piece.

    Args:
        models: The models.
        enough: Stop when this many agree, and cancel the rest at their providers. None means to wait for all.
        judge: A model that says which answers mean the same. It is asked only if the words differ. It has the last quarter of
            the time; the models have the rest.
        timeout: Seconds for the whole call, unless the call sets its own. None means MCP_MODELS_TIMEOUT or 600.

    Raises:
        TypeError: These are not models.
        ValueError: An argument makes no sense.
    """

    def __init__(
        self, *models: Model, enough: int | None = None, judge: Model | None = None, timeout: float | None = None
    ) -> None:
        super().__init__("panel", models, timeout)
        if judge is not None and not isinstance(judge, Model):
            raise TypeError(f"judge: expected a model, got {judge!r}")
        if enough is not None and not 2 <= enough <= len(self.models):
            raise ValueError(f"enough: expected a number from 2 to {len(self.models)}, the number of models, got {enough!r}")
        self.enough, self.judge = enough, judge

    def _all_models(self) -> tuple[Model, ...]:
        return self.models if self.judge is None else (*self.models, self.judge)

    async def _answer(self, request: GroupRequest) -> PanelResult:
        from mcp_models.client.panel_call import PanelCall

        return await PanelCall(self, request).result()
