"""List the APIs that speak OpenAI's Chat Completions: a row of data for each, which is a server of its own.

`preset.py` says what each field means. No row has been tried with its provider's own service: `documented_only` names what
nobody else is known to have tried either, and the tests hold each row against a strict fake of what is documented.
"""

from __future__ import annotations

from mcp_models.servers.preset import ALL_PARAMETERS, FIRST_LISTED, NO_MODEL, Preset

_SAMPLING = frozenset({"temperature", "top_p"})
_WITHOUT_SEED = ALL_PARAMETERS - {"seed"}


class OpenRouter(Preset):
    name = "openrouter"
    title = "OpenRouter"
    summary = "It routes to the models of all large providers, by names such as `anthropic/claude-sonnet-5.5`."
    own_url = "https://openrouter.ai/api/v1"
    url_variable = "OPENROUTER_BASE_URL"
    key_variables = ("OPENROUTER_API_KEY",)
    key_page = "https://openrouter.ai/settings/keys"
    default_model = "deepseek/deepseek-v4.1-flash"
    price_list = "openrouter"
    image_tokens = {"openai/gpt-4o-mini": 50_000, "": 25_000}
    takes_default_temperature = NO_MODEL  # a route without it would be ruled out by `require_parameters`
    efforts_by_model = {
        "": {"none": "none", "minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}
    }
    body_with_parameters = {"provider": {"require_parameters": True}}  # else routes drop what they lack in silence
    route_suffix = ":"
    headers = {"HTTP-Referer": "https://github.com/mcp-models/mcp-models", "X-Title": "mcp-models"}
    request_id_header = "x-generation-id"
    cost = ("cost", 1.0)  # a credit is a dollar
    error_types = {
        "No endpoints found that": "invalid_request",
        "No endpoints found for": "model_not_found",
        "is not a valid model ID": "model_not_found",
    }
    thinking_in = "reasoning"
    images = "by model"
    documented_only = "the cost, the request id's header, the efforts"
    sources = "openrouter.ai/docs (usage-accounting, api/errors, app-attribution), block/buzz#3018, pydantic-ai#6900, oro 3.0.4"
    checked_on = "2026-11-26"


class Groq(Preset):
    name = "groq"
    title = "Groq"
    summary = "It answers fast, with open models such as gpt-oss and Qwen."
    own_url = "https://api.groq.com/openai/v1"
    url_variable = "GROQ_BASE_URL"
    key_variables = ("GROQ_API_KEY",)
    key_page = "https://console.groq.com/keys"
    default_model = "openai/gpt-oss-120b"
    price_list = "groq"
    efforts_by_model = {
        "openai/gpt-oss": {"low": "low", "medium": "medium", "high": "high"},
        "qwen/": {"none": "none", "high": "default"},
    }
    takes_strict = "openai/gpt-oss"
    streams_schema = False
    error_types = {"model_decommissioned": "model_not_found", "json_validate_failed": "provider_error"}
    thinking_in = "reasoning"
    images = "by model"
    documented_only = "which models take `strict`, the efforts, the codes of errors"
    sources = "console.groq.com/docs (openai, structured-outputs), GroqApiLibrary#33, pydantic-ai, neurolink's probes of 08-30"
    checked_on = "2026-11-26"


class Cerebras(Preset):
    name = "cerebras"
    title = "Cerebras"
    summary = "It answers very fast, with a few open models."
    own_url = "https://api.cerebras.ai/v1"
    url_variable = "CEREBRAS_BASE_URL"
    key_variables = ("CEREBRAS_API_KEY",)
    key_page = "https://cloud.cerebras.ai"
    default_model = "gpt-oss-120b"
    price_list = "cerebras"
    limit_field = "max_completion_tokens"
    default_limit = 4096  # all of it counts against the quota at once
    efforts_by_model = {"gpt-oss": {"low": "low", "medium": "medium", "high": "high"}}
    thinking_in = "reasoning"
    images = "by model"
    documented_only = "the flat error, the efforts"
    sources = "inference-docs.cerebras.ai, vercel/ai, pydantic-ai, opencode#5036, neurolink's probes of 09-28"
    checked_on = "2026-11-26"


class DeepSeek(Preset):
    name = "deepseek"
    title = "DeepSeek"
    summary = "Its models think before they answer, and cost little."
    own_url = "https://api.deepseek.com"
    url_variable = "DEEPSEEK_BASE_URL"
    key_variables = ("DEEPSEEK_API_KEY",)
    key_page = "https://platform.deepseek.com/api_keys"
    default_model = "deepseek-flash"
    price_list = "deepseek"
    parameters = _WITHOUT_SEED
    takes_default_temperature = NO_MODEL
    ignored_while_thinking = _SAMPLING
    efforts_by_model = {"": {"none": {"thinking": {"type": "disabled"}}, "low": "low", "high": "high", "max": "max"}}
    schema = "json_object"
    error_types = {
        "insufficient_system_resource": "overloaded",
        "The supported API model names are": "model_not_found",
    }
    thinking_in = "reasoning_content"
    images = "by model"
    documented_only = "the efforts, what is disregarded, the stop reason for want of resources"
    sources = "api-docs.deepseek.com/guides/thinking_mode, vercel/ai, any-llm, neurolink's probes of 09-24"
    checked_on = "2026-11-26"


class XAI(Preset):
    name = "xai"
    title = "xAI"
    semantic_name = "x_ai"
    summary = "Its models are the Grok family; through this API they do not show their thinking."
    own_url = "https://api.x.ai/v1"
    url_variable = "XAI_BASE_URL"
    key_variables = ("XAI_API_KEY",)
    key_page = "https://console.x.ai"
    default_model = "grok-4.7"
    price_list = "x-ai"
    lacks = {
        r".*non-reasoning": frozenset({"reasoning_effort"}),
        r"grok-(4-|4$|code)": frozenset({"stop", "reasoning_effort"}),
        r"grok-(3-mini|4|build)": frozenset({"stop"}),
    }
    efforts_by_model = {
        r"grok-4\.6": {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"},
        r"grok-4\.[57]": {"low": "low", "medium": "medium", "high": "high"},
    }
    output_excludes_reasoning = True
    cost = ("cost_in_usd_ticks", 1e-10)
    error_types = {
        "Incorrect API key provided": "authentication",  # under HTTP 400
        "maximum prompt length": "context_length",
    }
    thinking_in = "nowhere"
    images = "yes"
    documented_only = "the cost, the efforts, the codes of errors"
    sources = "docs.x.ai/developers (cost-tracking, model-capabilities), litellm, vercel/ai, continuedev/continue#11704"
    checked_on = "2026-11-26"


class Moonshot(Preset):
    name = "moonshot"
    title = "Moonshot AI"
    summary = "Its models are the Kimi family, which think before they answer."
    own_url = "https://api.moonshot.ai/v1"
    url_variable = "MOONSHOT_BASE_URL"
    key_variables = ("MOONSHOT_API_KEY", "KIMI_API_KEY")
    key_page = "https://platform.moonshot.ai/console/api-keys"
    default_model = "kimi-k3.1-pro"
    price_list = "moonshotai"
    parameters = _WITHOUT_SEED
    limit_field = "max_completion_tokens"
    takes_default_temperature = "moonshot-v1"
    lacks = {"kimi-k3": _SAMPLING}  # any other than its own is a 400
    efforts_by_model = {"kimi-k3": {"low": "low", "high": "high", "max": "max"}}
    error_types = {"exceeded model token limit": "context_length"}
    thinking_in = "reasoning_content"
    images = "by model"
    documented_only = "all of it, but for the shape of the error for a missing key"
    sources = "dev.to/aihubmix of 10-24, docs.rs/synaps-engine 0.11, vercel/ai, neurolink's notes of 09-29"
    checked_on = "2026-11-26"


class ZAI(Preset):
    name = "zai"
    title = "Z.ai"
    summary = "Its models are the GLM family, which think before they answer."
    own_url = "https://api.z.ai/api/paas/v4"
    url_variable = "ZAI_BASE_URL"
    key_variables = ("ZAI_API_KEY", "ZHIPU_API_KEY")
    key_page = "https://z.ai/manage-apikey/apikey-list"
    default_model = "glm-5.3"
    price_list = "zai"
    parameters = _WITHOUT_SEED
    takes_default_temperature = NO_MODEL
    efforts_by_model = {
        r"glm-5\.3": {"low": "low", "high": "high", "max": "max"},
        r"glm-": {"none": {"thinking": {"type": "disabled"}}, "high": {"thinking": {"type": "enabled"}}},
    }
    schema = "json_object"
    joins_text = True  # it loses an assistant's list
    stop_reasons = {"sensitive": "content_filter", "model_context_window_exceeded": "max_tokens"}
    error_types = {
        "network_error": "provider_error",
        "1113": "billing",
        "1211": "model_not_found",
        "1261": "context_length",
        "1302": "rate_limit",
        "1305": "overloaded",
    }
    thinking_in = "reasoning_content"
    images = "by model"
    documented_only = "all of it, but for the shape of the error for a missing key and the lost lists"
    sources = "any-llm, litellm#25868, pydantic-ai, neurolink's notes of 09-29"
    checked_on = "2026-11-26"


class Together(Preset):
    name = "together"
    title = "Together AI"
    summary = "It runs many open models, by names such as `zai-org/GLM-5.3-Flash`."
    own_url = "https://api.together.ai/v1"
    url_variable = "TOGETHER_BASE_URL"
    key_variables = ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY")
    key_page = "https://api.together.ai/settings/api-keys"
    default_model = "zai-org/GLM-5.3-Flash"
    price_list = "together"
    efforts_by_model = {
        "openai/gpt-oss": {"low": "low", "medium": "medium", "high": "high"},
        r"(?i)(moonshotai/kimi-k2|zai-org/glm-5(?!\.3)|qwen/qwen3\.)": {
            "none": {"reasoning": {"enabled": False}},
            "high": {"reasoning": {"enabled": True}},
        },
    }
    thinking_in = "reasoning or reasoning_content"
    images = "by model"
    documented_only = "all of it, but for the bare list of models"
    sources = "docs.together.ai/docs (inference/chat/reasoning, glm-5.3-quickstart), lidge-jun/opencodex#617"
    checked_on = "2026-11-26"


class Fireworks(Preset):
    name = "fireworks"
    title = "Fireworks AI"
    summary = "It runs many open models, by names such as `accounts/fireworks/models/glm-5p3`."
    own_url = "https://api.fireworks.ai/inference/v1"
    url_variable = "FIREWORKS_BASE_URL"
    key_variables = ("FIREWORKS_API_KEY",)
    key_page = "https://app.fireworks.ai/settings/users/api-keys"
    default_model = "accounts/fireworks/models/glm-5p3"
    price_list = "fireworks"
    efforts_by_model = {"": {"none": "none", "low": "low", "medium": "medium", "high": "high"}}
    thinking_in = "reasoning_content"
    images = "by model"
    documented_only = "all of it, but for the default model and the error for one that is not deployed"
    sources = "docs.fireworks.ai/tools-sdks, docs.getbifrost.ai, vercel/ai, neurolink's probes of 09-28"
    checked_on = "2026-11-26"


class HuggingFace(Preset):
    name = "huggingface"
    title = "Hugging Face"
    summary = "It routes to hosts of open models; `openai/gpt-oss-120b:groq` names the host as well."
    own_url = "https://router.huggingface.co/v1"
    url_variable = "HUGGINGFACE_BASE_URL"
    key_variables = ("HF_TOKEN", "HUGGINGFACE_API_KEY")
    key_page = "https://huggingface.co/settings/tokens"
    default_model = "openai/gpt-oss-120b"
    price_list = None
    efforts_by_model = {"openai/gpt-oss": {"low": "low", "medium": "medium", "high": "high"}}
    route_suffix = ":"
    error_types = {"not supported by any provider": "model_not_found", "model_not_supported": "model_not_found"}
    thinking_in = "reasoning or reasoning_content"
    images = "by model"
    documented_only = "all of it, but for the errors for an unknown model and for spent credits"
    sources = "huggingface.co/docs/inference-providers, neurolink's probes"
    checked_on = "2026-11-26"


class NVIDIA(Preset):
    name = "nvidia"
    title = "NVIDIA"
    summary = "It runs open models, Nemotron among them; about 40 requests a minute."
    own_url = "https://integrate.api.nvidia.com/v1"
    url_variable = "NVIDIA_BASE_URL"
    key_variables = ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY")
    key_page = "https://build.nvidia.com/settings/api-keys"
    default_model = "nvidia/nemotron-3-super-120b-a12b"
    price_list = None
    efforts_by_model = {
        "openai/gpt-oss": {"low": "low", "medium": "medium", "high": "high"},
        "nvidia/nemotron-3-super": {
            "none": {"chat_template_kwargs": {"enable_thinking": False}},
            "low": {"chat_template_kwargs": {"enable_thinking": True, "low_effort": True}},
            "high": {"chat_template_kwargs": {"enable_thinking": True}},
        },
        "(nvidia/nemotron-3|z-ai/glm)": {
            "none": {"chat_template_kwargs": {"enable_thinking": False}},
            "high": {"chat_template_kwargs": {"enable_thinking": True}},
        },
    }
    error_types = {"Not found for account": "model_not_found"}
    thinking_in = "reasoning_content"
    images = "by model"
    documented_only = "all of it"
    sources = "build.nvidia.com (model cards), docs.nvidia.com/rag, models.dev, opencode#13584"
    checked_on = "2026-11-26"


class Qwen(Preset):
    name = "qwen"
    title = "Qwen"
    summary = "Its models are Alibaba Cloud's Qwen family; a key belongs to one region."
    own_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
    url_variable = "QWEN_BASE_URL"
    key_variables = ("DASHSCOPE_API_KEY", "ALIBABA_API_KEY")
    key_page = "https://modelstudio.console.alibabacloud.com"
    default_model = "qwen3.7-plus"
    price_list = None
    native_names = {
        **Preset.native_names,
        "enable_thinking": "reasoning_effort",
        "thinking_budget": "reasoning_effort",
        "Json mode response": "response_schema",
    }
    efforts_by_model = {
        r"(qwen3|qwen-(plus|flash|turbo|max))": {
            "none": {"enable_thinking": False},
            "low": {"enable_thinking": True, "thinking_budget": 1024},
            "medium": {"enable_thinking": True, "thinking_budget": 8192},
            "high": {"enable_thinking": True},
        }
    }
    schema = "json_object"  # only some models take a schema
    error_types = {
        "Arrearage": "billing",
        "Range of input length": "context_length",
        "data_inspection_failed": "content_filter",
        "DataInspectionFailed": "content_filter",
    }
    thinking_in = "reasoning_content"
    images = "by model"
    documented_only = "all of it"
    sources = "alibabacloud.com/help/en/model-studio (deep-thinking, base-url), instructorphp.com, vercel/ai, models.dev"
    checked_on = "2026-11-26"


class LMStudio(Preset):
    name = "lmstudio"
    title = "LM Studio"
    summary = "It runs open models on this machine."
    own_url = "http://127.0.0.1:1234/v1"
    url_variable = "LMSTUDIO_BASE_URL"
    needs_key = False
    key_variables = ("LMSTUDIO_API_KEY",)
    key_page = "start LM Studio's server (`lms server start`) and set LMSTUDIO_BASE_URL=http://127.0.0.1:1234/v1"
    default_model = FIRST_LISTED
    price_list = None
    efforts_by_model = {
        r"(openai/)?gpt-oss": {"low": "low", "medium": "medium", "high": "high"},
        "": {},  # whose switches it does not offer here
    }
    error_types = {"greater than the context length": "context_length", "Invalid model identifier": "model_not_found"}
    thinking_in = "reasoning_content, reasoning or <think>"
    images = "by model"
    documented_only = "all of it"
    sources = "lmstudio.ai/docs/developer, vaadin/flow-components#9195"
    checked_on = "2026-11-26"


class VLLM(Preset):
    name = "vllm"
    title = "vLLM"
    summary = "It runs open models on your own hardware; NVIDIA's NIM is asked in the same way."
    own_url = "http://127.0.0.1:8000/v1"
    url_variable = "VLLM_BASE_URL"
    needs_key = False
    key_variables = ("VLLM_API_KEY",)
    key_page = "start vLLM (`vllm serve MODEL`) and set VLLM_BASE_URL=http://127.0.0.1:8000/v1"
    default_model = FIRST_LISTED
    price_list = None
    efforts_by_model = {r"(openai/)?gpt-oss": {"low": "low", "medium": "medium", "high": "high"}}
    thinking_in = "reasoning, once reasoning_content; <think> without a parser"
    images = "by model"
    documented_only = "all of it"
    sources = "docs.vllm.ai v0.26, vllm-project/vllm#38560"
    checked_on = "2026-11-26"


PRESETS: dict[str, type[Preset]] = {row.name: row for row in Preset.__subclasses__()}
