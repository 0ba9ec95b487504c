"""Offer the tools to a model of a llama.cpp server in this process. The first argument is the model's file."""

import http.client
import json
import os
import sys
import tempfile

import xllamacpp
from verdicts import judge

SECONDS = 60
STDERR = 2
# The template must show the tools, or the server drops them without reading them.
TEMPLATE = """
{%- if tools %}<|im_start|>system
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for tool_call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ tool_call.function.name }}", "arguments": {{ tool_call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def load(model):
    params = xllamacpp.CommonParams()
    params.model.path = model
    if hasattr(params, "hostnames"):
        params.hostnames = ["127.0.0.1"]
    else:
        params.hostname = "127.0.0.1"
    params.port = 0
    params.n_ctx = 8192
    params.warmup = False
    params.verbosity = 1
    params.chat_template = TEMPLATE
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    return xllamacpp.Server(params)


def ask(url, tools):
    """Return the status and the body of the answer, and what the server printed in the meantime."""
    body = {"messages": [{"role": "user", "content": "hi"}], "tools": tools, "tool_choice": "required", "max_tokens": 1}
    kept = os.dup(STDERR)
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), STDERR)
        try:
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=SECONDS)
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            said = json.load(answer)
        finally:
            os.dup2(kept, STDERR)
            os.close(kept)
        printed.seek(0)
        return answer.status, said, printed.read().decode()


def accept(server):
    """Raise an error if the request is refused, or if its grammar leaves out a part of a schema."""
    functions = [
        {"name": tool["name"], "description": tool["description"], "parameters": tool["inputSchema"]}
        for tool in server["tools"]
    ]
    status, said, printed = ask(llama.listening_address, [{"type": "function", "function": function} for function in functions])
    if status != http.HTTPStatus.OK:
        raise ValueError(f"{status} {said['error']['message']}")
    if "schema conversion was incomplete" in printed:
        raise ValueError(printed.strip())


llama = load(sys.argv[1])
judge(accept)
sys.stdout.flush()
os._exit(0)  # the server's destructor can hang
