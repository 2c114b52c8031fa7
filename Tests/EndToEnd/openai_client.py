#!/usr/bin/env python3
"""Drives a running server with OpenAI's own Python client.

    openai_client.py --base-url http://127.0.0.1:8000/v1 [--model smollm2-135m-instruct]

Without --model the first one that the server lists is used.
Needs the package `openai` (PyPI). Prints one line per failed check and `N passed, M failed`; exits with 1 on a failure.
The checks hold for any model: they look at the form of answers, not at what the model says.
"""
import argparse
import sys
import traceback

import openai

parser = argparse.ArgumentParser(description="Drive a server with OpenAI's Python client.")
parser.add_argument("--base-url", default="http://127.0.0.1:8000/v1")
parser.add_argument("--model")
options = parser.parse_args()
client = openai.OpenAI(base_url=options.base_url, api_key="none", timeout=120, max_retries=0)
MODEL = options.model or client.models.list().data[0].id
MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Name three colours."},
]
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def expect_usage(usage, completion=None):
    expect(usage is not None, "no usage")
    expect(usage.prompt_tokens > 0, f"prompt_tokens is {usage.prompt_tokens}")
    expect(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, f"totals disagree: {usage}")
    expect(usage.prompt_tokens_details.cached_tokens >= 0, "no cached_tokens")
    if completion is not None:
        expect(usage.completion_tokens == completion, f"{usage.completion_tokens} tokens instead of {completion}")


def chat(**fields):
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, **{"max_tokens": 16, "temperature": 0, **fields})


def complete(**fields):
    return client.completions.create(model=MODEL, **{"prompt": "Once upon a", "max_tokens": 8, "temperature": 0, **fields})


def refused(error, param, call, code=...):
    try:
        call()
    except error as caught:
        body = caught.body or {}
        expect(body.get("param") == param, f"param is {body.get('param')}, not {param}: {caught}")
        expect(body.get("code") is None or isinstance(body["code"], str), f"code is {body['code']!r}")
        expect(code is ... or body.get("code") == code, f"code is {body.get('code')}, not {code}")
        expect(body.get("message"), "no message")
        return
    raise AssertionError(f"expected {error.__name__}, got an answer")


@check
def models_are_listed():
    models = client.models.list().data
    expect(MODEL in [model.id for model in models], f"{MODEL} is not in {models}")
    expect(all(model.object == "model" for model in models), "object is not 'model'")


@check
def a_model_is_retrieved():
    expect(client.models.retrieve(MODEL).id == MODEL, "wrong id")


@check
def an_unknown_model_is_not_found():
    refused(openai.NotFoundError, "model", lambda: client.models.retrieve("no/such model"), "model_not_found")
    call = lambda: client.chat.completions.create(model="no-such-model", messages=MESSAGES)
    refused(openai.NotFoundError, "model", call, "model_not_found")


@check
def chat_answers():
    answer = chat()
    expect(answer.object == "chat.completion" and answer.id.startswith("chatcmpl-"), f"{answer.object} {answer.id}")
    expect(answer.model == MODEL and answer.created > 0, f"{answer.model} {answer.created}")
    choice = answer.choices[0]
    expect(choice.message.role == "assistant" and choice.message.content, f"{choice.message}")
    expect(choice.finish_reason in ("stop", "length"), f"{choice.finish_reason}")
    expect(choice.logprobs is None, "logprobs were not asked for")
    expect_usage(answer.usage)


@check
def chat_streams_the_same_text():
    whole = chat().choices[0]
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    expect(len({chunk.id for chunk in chunks}) == 1, "more than one id")
    expect(len({chunk.created for chunk in chunks}) == 1, "more than one time")
    expect(all(chunk.object == "chat.completion.chunk" for chunk in chunks), "wrong object")
    expect(chunks[0].choices[0].delta.role == "assistant", "the role is not first")
    expect(all(chunk.usage is None for chunk in chunks[:-1]), "usage before the last chunk")
    expect(chunks[-1].choices == [], "the last chunk has choices")
    expect_usage(chunks[-1].usage)
    parts = [choice for chunk in chunks for choice in chunk.choices]
    text = "".join(part.delta.content or "" for part in parts)
    expect(text == whole.message.content, f"{text!r} is not {whole.message.content!r}")
    expect([part.finish_reason for part in parts if part.finish_reason] == [whole.finish_reason], "finish_reason")


@check
def the_streaming_helper_accepts_the_stream():
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, max_tokens=8) as stream:
        for _ in stream:
            pass
        try:
            completion = stream.get_final_completion()
        except openai.LengthFinishReasonError as error:  # how the helper tells of finish_reason "length"
            completion = error.completion
        expect(completion.choices[0].message.content, "no content")


@check
def max_tokens_ends_with_length():
    for name in ("max_tokens", "max_completion_tokens"):
        answer = chat(**{"max_tokens": openai.NOT_GIVEN, name: 2})
        expect(answer.choices[0].finish_reason == "length", f"{name}: {answer.choices[0].finish_reason}")
        expect_usage(answer.usage, completion=2)


@check
def stop_strings_end_and_are_left_out():
    text = complete().choices[0].text
    stop = text[len(text) // 2 :][:2]
    for value in (stop, [stop, "\x00never"]):
        choice = complete(stop=value).choices[0]
        expect(choice.finish_reason == "stop", f"{choice.finish_reason}")
        expect(choice.text == text[: text.index(stop)], f"{choice.text!r} from {text!r} with {stop!r}")
    streamed = "".join(c.choices[0].text for c in complete(stop=stop, stream=True) if c.choices)
    expect(streamed == text[: text.index(stop)], f"streamed {streamed!r}")


@check
def two_answers_have_two_indices():
    answer = chat(n=2, temperature=1, seed=1)
    expect([choice.index for choice in answer.choices] == [0, 1], "indices")
    chunks = list(chat(n=2, stream=True))
    ends = {c.index: c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason}
    expect(sorted(ends) == [0, 1], f"{ends}")


@check
def a_seed_repeats_itself():
    first, second = (complete(temperature=1, seed=42).choices[0].text for _ in range(2))
    expect(first == second, f"{first!r} is not {second!r}")


@check
def chat_logprobs():
    content = chat(logprobs=True, top_logprobs=2, max_tokens=3).choices[0].logprobs.content
    expect(1 <= len(content) <= 3, f"{len(content)} entries")
    for entry in content:
        expect(entry.logprob <= 0 and isinstance(entry.bytes, list), f"{entry}")
        expect(len(entry.top_logprobs) == 2, f"{len(entry.top_logprobs)} alternatives")
        values = [top.logprob for top in entry.top_logprobs]
        expect(values == sorted(values, reverse=True), f"{values}")
    chunks = list(chat(logprobs=True, max_tokens=3, stream=True))
    streamed = [e for c in chunks for p in c.choices if p.logprobs for e in p.logprobs.content]
    expect([e.token for e in streamed] == [e.token for e in content], "the stream has other tokens")


@check
def completion_answers():
    answer = complete()
    expect(answer.object == "text_completion" and answer.id.startswith("cmpl-"), f"{answer.object} {answer.id}")
    expect(answer.choices[0].text, "no text")
    expect_usage(answer.usage)


@check
def completion_streams_the_same_text():
    chunks = list(complete(stream=True))
    text = "".join(chunk.choices[0].text for chunk in chunks)
    expect(text == complete().choices[0].text, f"{text!r}")
    expect(chunks[-1].choices[0].finish_reason in ("stop", "length"), "no finish_reason")


@check
def completion_logprobs_have_the_older_shape():
    logprobs = complete(logprobs=1, max_tokens=3).choices[0].logprobs
    count = len(logprobs.tokens)
    expect(1 <= count <= 3, f"{count} tokens")
    expect(len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == len(logprobs.text_offset) == count, "lengths")
    expect(logprobs.text_offset[0] == 0, f"{logprobs.text_offset}")


@check
def prompts_may_be_several_or_token_ids():
    answer = complete(prompt=["One", "Two"], n=2)
    expect([choice.index for choice in answer.choices] == [0, 1, 2, 3], "indices")
    expect(complete(prompt=[1, 2, 3], max_tokens=1).usage.prompt_tokens >= 3, "prompt_tokens")
    expect(complete(prompt="Once upon a", echo=True).choices[0].text.startswith("Once upon a"), "echo")


@check
def bad_values_are_bad_requests():
    bad = openai.BadRequestError
    refused(bad, "temperature", lambda: chat(temperature=-1))
    refused(bad, "top_p", lambda: chat(top_p=1.5))
    refused(bad, "n", lambda: chat(n=100000))
    refused(bad, "stop", lambda: chat(stop=["a", "b", "c", "d", "e"]))
    refused(bad, "max_tokens", lambda: chat(max_tokens=-1))
    refused(bad, "logit_bias", lambda: chat(logit_bias={"x": 1}))
    refused(bad, "top_logprobs", lambda: chat(logprobs=True, top_logprobs=200))
    refused(bad, "messages", lambda: client.chat.completions.create(model=MODEL, messages=[]))
    refused(bad, "response_format", lambda: chat(response_format={"type": "json_object"}))
    refused(bad, "suffix", lambda: complete(suffix="x"))


@check
def a_prompt_beyond_the_context_is_refused_with_a_code():
    long = "word " * 20000
    refused(openai.BadRequestError, "prompt", lambda: complete(prompt=long), "context_length_exceeded")
    call = lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": long}])
    refused(openai.BadRequestError, "messages", call, "context_length_exceeded")


@check
def content_may_be_parts():
    parts = [{"type": "text", "text": "Name three "}, {"type": "text", "text": "colours."}]
    messages = [MESSAGES[0], {"role": "user", "content": parts}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=16, temperature=0)
    expect(answer.choices[0].message.content == chat().choices[0].message.content, "parts change the answer")


@check
def a_stream_can_be_left_early():
    for _ in range(3):
        stream = chat(stream=True, max_tokens=200)
        next(iter(stream))
        stream.close()
    expect(chat(max_tokens=1).choices, "no answer afterwards")


def main():
    failed = 0
    for function in CHECKS:
        try:
            function()
        except Exception as error:  # every check is reported, whatever goes wrong in one
            failed += 1
            print(f"FAILED {function.__name__}: {error}")
            if not isinstance(error, (AssertionError, openai.APIError)):
                traceback.print_exc()
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
