"""Ask models through Hillstar's own call sites, in its own environment: `python call_sites.py FOLDER [OUR_PYTHON]`.

FOLDER has links to Hillstar's packages, and `mcp-server` beside them. With OUR_PYTHON, our `MCPModel` stands in the place of
Hillstar's client, and runs the servers with that interpreter. The questions come on stdin, as JSON. What came of them goes to
stdout.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])  # before the installed packages, as Hillstar looks for servers beside its own files

from execution import model_selector
from execution.runner import WorkflowRunner

PROVIDERS = {
    "OpenAIMCPModel": "openai",
    "AnthropicMCPModel": "anthropic",
    "MistralMCPModel": "mistral",
    "OllamaMCPModel": "ollama",
}


def in_the_place_of(provider, interpreter):
    from mcp_models.client import MCPModel

    command = [interpreter, "-P", "-m", f"mcp_models.servers.{provider}_mcp_server"]
    return lambda model_name, api_key=None: MCPModel(provider, model_name, command, api_key)


def workflow(questions):
    nodes = {
        name: {"tool": "model_call", "provider": question["provider"], "model": question["model"], "input": question["prompt"]}
        for name, question in questions.items()
    }
    return {"id": "drop-in", "graph": {"nodes": nodes, "edges": []}}


def main():
    asked = json.load(sys.stdin)
    if len(sys.argv) > 2:
        for name, provider in PROVIDERS.items():
            setattr(model_selector, name, in_the_place_of(provider, sys.argv[2]))
    folder = Path(sys.argv[1]).parent
    (folder / "workflow.json").write_text(json.dumps(workflow(asked["workflow"])))
    runner = WorkflowRunner(str(folder / "workflow.json"), str(folder / "output"))
    ran = runner.execute()
    found = {}
    for name, question in asked["calls"].items():
        model = runner.model_factory.get_model(question.pop("provider"), question.pop("model"))
        try:
            found[name] = model.call(**question)
        except TypeError as error:
            found[name] = {"raised": str(error)}
    print("\n" + json.dumps({"workflow": {name: ran["outputs"][name] for name in asked["workflow"]}, "calls": found}))


main()
