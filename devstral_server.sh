#!/usr/bin/env bash
# Starts llama.cpp's server for the provider `devstral_local`, on this machine only.
#
#   devstral_server.sh MODEL.gguf [PORT] [CONTEXT] [LLAMA-SERVER OPTIONS]
#
# PORT is 8080 and CONTEXT 32768 tokens unless given. LLAMA_SERVER names the program where it is not on PATH.
set -euo pipefail

fail() { printf 'devstral_server.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
is_number() { [[ $1 =~ ^[0-9]+$ ]]; }

[[ $# -ge 1 ]] || fail "usage: devstral_server.sh MODEL.gguf [PORT] [CONTEXT] [LLAMA-SERVER OPTIONS]" 2
model=$1 port=${2:-8080} context=${3:-32768}
shift $(($# < 3 ? $# : 3))

[[ -f $model ]] || fail "no model at $model: download a GGUF of Devstral, from https://huggingface.co/mistralai for instance" 127
[[ $(head -c 4 -- "$model") == GGUF ]] || fail "$model is no GGUF file"
is_number "$port" && ((port >= 1 && port <= 65535)) || fail "PORT: expected a number from 1 to 65535, got $port" 2
is_number "$context" && ((context >= 1)) || fail "CONTEXT: expected a number of tokens, got $context" 2

program=${LLAMA_SERVER:-llama-server}
command -v "$program" >/dev/null 2>&1 ||
    fail "no program $program: install llama.cpp (https://github.com/ggml-org/llama.cpp), or set LLAMA_SERVER to its llama-server" 127
(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && fail "something listens on port $port already: choose another PORT"

printf 'devstral_server.sh: set DEVSTRAL_ENDPOINT=http://127.0.0.1:%s\n' "$port" >&2
exec "$program" --model "$model" --host 127.0.0.1 --port "$port" --ctx-size "$context" --alias devstral "$@"
