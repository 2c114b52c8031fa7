#!/usr/bin/env python3
"""Sends requests that are wrong in many ways and checks that each is answered with an error, and none ends the server.

    malformed_requests.py URL                  all cases
    malformed_requests.py URL --leave-open N   opens N streams and leaves them open until the server closes them

Needs only Python's standard library; speaks HTTP over plain sockets, because a client library would refuse to send
most of these.
"""

import argparse
import json
import socket
import sys
import urllib.parse

TIMEOUT = 30
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
MESSAGES = [{"role": "user", "content": "Hi"}]


class Server:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.model = None

    def connect(self):
        connection = socket.create_connection(self.address, TIMEOUT)
        connection.settimeout(TIMEOUT)
        return connection

    def raw(self, data, half_close=False):
        """Sends bytes, reads to the end. Returns (status or None, body)."""
        with self.connect() as connection:
            received = b""
            try:
                connection.sendall(data)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
                while chunk := connection.recv(65536):
                    received += chunk
            except (ConnectionResetError, BrokenPipeError):
                pass  # closing early is an answer to some of these
        head, _, body = received.partition(b"\r\n\r\n")
        words = head.split(b" ", 2)
        return (int(words[1]) if len(words) > 1 and words[1].isdigit() else None), body

    def request(self, method, path, body=b"", headers=()):
        lines = [f"{method} {path} HTTP/1.1", "Host: test", "Connection: close", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/json", *headers]
        return self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def post(self, path, value):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.request("POST", path, body)


def chat(server, **changes):
    request = {"model": server.model, "messages": MESSAGES, "max_tokens": 2, **changes}
    return {key: value for key, value in request.items() if value is not ...}


def api_cases(server):
    """(name, path, body, allowed statuses): each must be answered with OpenAI's error object."""
    bad = {400, 422}
    yield "no JSON", CHAT, b"hello", bad
    yield "empty body", CHAT, b"", bad
    yield "half of a JSON object", CHAT, b'{"model": "x", "messages": [', bad
    yield "an array at the top", CHAT, b"[]", bad
    yield "null at the top", COMPLETIONS, b"null", bad
    yield "broken UTF-8", CHAT, b'{"model": "\xff\xfe", "messages": []}', bad | {404}
    yield "a lone surrogate", CHAT, b'{"model": "\\ud800", "messages": [{"role":"user","content":"\\ud800"}]}', bad | {404}
    yield "a NUL byte", CHAT, b'{"model": "a\x00b"}', bad | {404}
    yield "100000 nested arrays", CHAT, b"[" * 100_000, bad | {413}
    yield "100000 nested objects", CHAT, b'{"messages":' * 100_000, bad | {413}
    yield "deep nesting in a field", CHAT, b'{"model":"x","metadata":' + b"[" * 50_000 + b"]" * 50_000 + b"}", bad | {404, 413}
    yield "a number out of any range", CHAT, b'{"model":"m","messages":[],"max_tokens":1e99999}', bad | {404}
    yield "model missing or unknown", CHAT, chat(server, model="no-such-model"), {404}
    yield "model is a number", CHAT, chat(server, model=7), bad | {404}
    yield "unknown model for completions", COMPLETIONS, {"model": "no-such-model", "prompt": "x"}, {404}
    yield "messages missing", CHAT, chat(server, messages=...), bad
    yield "messages empty", CHAT, chat(server, messages=[]), bad
    yield "messages a string", CHAT, chat(server, messages="Hi"), bad
    yield "a message without role", CHAT, chat(server, messages=[{"content": "Hi"}]), bad
    yield "a message with an unknown role", CHAT, chat(server, messages=[{"role": "wizard", "content": "Hi"}]), bad
    yield "content a number", CHAT, chat(server, messages=[{"role": "user", "content": 5}]), bad
    yield "prompt missing", COMPLETIONS, {"model": server.model}, bad
    yield "prompt an object", COMPLETIONS, {"model": server.model, "prompt": {}}, bad
    yield "token ids out of the vocabulary", COMPLETIONS, {"model": server.model, "prompt": [2**31 - 1]}, bad
    yield "negative token ids", COMPLETIONS, {"model": server.model, "prompt": [-1]}, bad
    yield "token ids beyond 64 bits", COMPLETIONS, {"model": server.model, "prompt": [2**70]}, bad
    yield "prompt longer than the context", COMPLETIONS, {"model": server.model, "prompt": "word " * 20_000}, bad | {413}
    for name, value in (
        ("temperature", -1), ("temperature", "hot"), ("temperature", 1e308), ("top_p", 0), ("top_p", 1.5),
        ("max_tokens", 0), ("max_tokens", -5), ("max_tokens", 1.5), ("max_tokens", 10**30), ("n", 0), ("n", 10**6),
        ("presence_penalty", 3), ("frequency_penalty", -3), ("stop", {"a": 1}), ("stop", ["x"] * 100),
        ("stream", "yes"), ("logit_bias", {"1": 1000}), ("logit_bias", {"word": 1}), ("logit_bias", [1]), ("seed", "x"),
    ):
        yield f"{name} = {json.dumps(value)[:40]}", CHAT, chat(server, **{name: value}), bad


def error_object(body):
    """None if `body` is OpenAI's error object, otherwise what is wrong with it."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return f"the body is not an error object: {body[:200]!r}"
    if not isinstance(error.get("message"), str) or not error["message"]:
        return "error.message is missing"
    if not isinstance(error.get("type"), str):
        return "error.type is missing"
    return None


def run(server):
    failures, count = [], 0

    def expect(name, found, statuses, needs_object=False):
        nonlocal count
        count += 1
        status, body = found
        if status not in statuses:
            failures.append(f"{name}: status {status}, expected one of {sorted(statuses, key=str)}; body {body[:200]!r}")
        elif needs_object and (wrong := error_object(body)):
            failures.append(f"{name}: {wrong}")

    status, body = server.request("GET", "/v1/models")
    if status != 200:
        sys.exit(f"GET /v1/models: status {status}, expected 200")
    server.model = json.loads(body)["data"][0]["id"]

    for name, path, value, statuses in api_cases(server):
        expect(name, server.post(path, value), statuses, needs_object=True)

    closed = {None, 400, 404, 405, 408, 411, 413, 414, 431, 501, 505}
    expect("unknown path", server.request("GET", "/v1/nothing"), {404})
    expect("path that climbs", server.request("GET", "/../../etc/passwd"), {400, 404})
    expect("wrong method", server.request("GET", CHAT), {404, 405})
    expect("unknown method", server.request("BREW", CHAT), {400, 404, 405, 501})
    expect("a body of 64 MB", server.post(CHAT, b'{"model": "' + b"a" * (64 << 20) + b'"}'), closed)
    expect("no HTTP", server.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, half_close=True), closed)
    expect("a header of 1 MB", server.request("GET", "/health", headers=["X-Long: " + "a" * (1 << 20)]), closed)
    expect("100000 headers", server.request("GET", "/health", headers=["X: y"] * 100_000), closed)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
    for name, data in (
        ("negative Content-Length", head + "Content-Length: -5\r\n\r\n{}"),
        ("Content-Length no number", head + "Content-Length: many\r\n\r\n{}"),
        ("Content-Length beyond 64 bits", head + f"Content-Length: {10**30}\r\n\r\n" + "{}"),
        ("body shorter than Content-Length", head + "Content-Length: 1000\r\n\r\n{}"),
        ("bad chunk size", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        ("chunks without an end", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":"),
        ("only half a request line", "POST /v1/chat"),
    ):
        expect(name, server.raw(data.encode(), half_close=True), closed)
    expect("health afterwards", server.request("GET", "/health"), {200})
    answer = server.post(CHAT, chat(server))
    expect("a right request afterwards", answer, {200})

    for failure in failures:
        print(f"malformed requests: {failure}")
    print(f"malformed requests: {count} sent, {len(failures)} answered wrongly")
    return 1 if failures else 0


def leave_open(server, count):
    server.model = json.loads(server.request("GET", "/v1/models")[1])["data"][0]["id"]
    body = json.dumps(chat(server, max_tokens=100, stream=True)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connections = [server.connect() for _ in range(count)]
    for connection in connections:
        connection.sendall(head.encode() + body)
    for connection in connections:
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass
    return 0


def main():
    parser = argparse.ArgumentParser(description="Send malformed requests to a server.")
    parser.add_argument("url")
    parser.add_argument("--leave-open", type=int, metavar="N")
    options = parser.parse_args()
    server = Server(options.url)
    try:
        return leave_open(server, options.leave_open) if options.leave_open else run(server)
    except OSError as error:
        sys.exit(f"malformed requests: {options.url} does not answer any more: {error}")


if __name__ == "__main__":
    sys.exit(main())
