"""Talk to the model: reads a question a line, prints the answer as it is generated, until the input ends.

python chatbot.py                                    # asks `sky` where the service `llm` is
python chatbot.py --endpoint http://127.0.0.1:30001
echo "Once upon a time" | python chatbot.py
"""

import argparse
import subprocess
import sys

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

MODEL = "gemma-3-270m"


def endpoint_of(service: str) -> str:
    """The URL of a service that runs. Ends the program if `sky` does not know it; `sky` has said why."""
    found = subprocess.run(["sky", "serve", "status", "--endpoint", service], stdout=subprocess.PIPE, text=True)
    if found.returncode != 0:
        sys.exit(found.returncode)
    return found.stdout.strip()


def answer(client: OpenAI, history: list[ChatCompletionMessageParam], max_tokens: int) -> str:
    """Print the answer to the conversation so far, word by word; return it whole."""
    words = []
    for chunk in client.chat.completions.create(model=MODEL, messages=history, max_tokens=max_tokens, stream=True):
        word = (chunk.choices[0].delta.content or "") if chunk.choices else ""
        print(word, end="", flush=True)
        words.append(word)
    print()
    return "".join(words)


def main() -> None:
    """Converse until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", default="llm", help="name of the service (llm)")
    parser.add_argument("--endpoint", help="its URL; without it, `sky` is asked")
    parser.add_argument("--max-tokens", type=int, default=128, help="longest answer (128)")
    options = parser.parse_args()

    base_url = f"{(options.endpoint or endpoint_of(options.service)).rstrip('/')}/v1"
    client = OpenAI(base_url=base_url, api_key="none: the service asks for no key")
    history: list[ChatCompletionMessageParam] = []
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            question = input(prompt)
        except (EOFError, KeyboardInterrupt):
            return
        history.append({"role": "user", "content": question})
        history.append({"role": "assistant", "content": answer(client, history, options.max_tokens)})


if __name__ == "__main__":
    main()
