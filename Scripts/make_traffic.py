#!/usr/bin/env python3
"""Writes days of traffic for tests and examples of `swiftlet simulate`: Tests/Fixtures/traffic/*.jsonl.

Both are made up. `tenants_mooncake.jsonl` has the form of Mooncake's traces (milliseconds, blocks of 512 tokens): a few
tenants whose requests begin with the tenant's own instructions, busy by day and quiet by night. `chat_qwen.jsonl` has the
form of Qwen-Bailian's (seconds, blocks of 16 tokens, chats with turns): conversations whose prompts grow by the answer and
the next question.

    Scripts/make_traffic.py            write them
    Scripts/make_traffic.py --check    exit 1 and name each file that is not up to date

Needs only Python's standard library.
"""

import argparse
import json
import math
import os
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
FOLDER = "Tests/Fixtures/traffic"
DAY = 86_400


class Draws:
    """Numbers that are the same in every version of Python: SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def unit(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) % 2**64
        return (z ^ z >> 31) / 2**64

    def whole(self, least, most):
        return least + int(self.unit() * (most - least + 1))

    def long_tailed(self, usual, most):
        """Mostly about `usual`, sometimes much more."""
        return max(1, min(most, int(usual * (0.25 + 0.75 * -math.log(1 - self.unit())))))

    def arrival(self):
        """A second of the day: four times as many at noon as at midnight."""
        while True:
            second = self.unit() * DAY
            if self.unit() * 5 <= 2.5 - 1.5 * math.cos(2 * math.pi * second / DAY) + 1:
                return second


class Blocks:
    """Hands out block ids in the order of their first use."""

    def __init__(self):
        self.used = 0

    def new(self, count):
        self.used += count
        return list(range(self.used - count, self.used))


def tenants():
    draws, blocks = Draws(1), Blocks()
    instructions = [blocks.new(count) for count in (6, 4, 2, 2, 1, 1)]
    # Requests of one tenant come in bursts: somebody works through a list.
    requests = []
    while len(requests) < 600:
        tenant = min(draws.whole(0, 7), 5)
        start = draws.arrival()
        for _ in range(draws.whole(1, 12)):
            start += 4 * draws.unit()
            own = draws.long_tailed(700, 6000)
            requests.append((min(start, DAY), tenant, own, draws.long_tailed(90, 600)))
    lines = []
    for start, tenant, own, output in sorted(requests[:600]):
        ids = instructions[tenant] + blocks.new(-(-own // 512))
        lines.append(
            {
                "timestamp": int(start * 1000),
                "input_length": 512 * len(instructions[tenant]) + own,
                "output_length": output,
                "hash_ids": ids,
            }
        )
    return lines


def chats():
    draws, blocks = Draws(2), Blocks()
    system = blocks.new(8)
    requests = []
    for _ in range(110):
        when = draws.arrival()
        full, length = list(system), 128 + draws.long_tailed(40, 300)
        previous = None
        turns = draws.long_tailed(3, 8)
        for turn in range(1, turns + 1):
            full += blocks.new(length // 16 - len(full))
            tail = blocks.new(1) if length % 16 else []
            output = draws.long_tailed(60, 300)
            request = {
                "turn": turn,
                "when": when,
                "input": length,
                "output": output,
                "ids": full + tail,
                "previous": previous,
            }
            requests.append(request)
            previous = request
            length += output + draws.long_tailed(30, 200)
            when += 20 + 200 * draws.unit()
    requests.sort(key=lambda request: request["when"])
    lines = []
    for number, request in enumerate(requests):
        request["chat"] = number
        lines.append(
            {
                "chat_id": number,
                "parent_chat_id": request["previous"]["chat"] if request["previous"] else -1,
                "timestamp": round(request["when"], 3),
                "input_length": request["input"],
                "output_length": request["output"],
                "type": "text",
                "turn": request["turn"],
                "hash_ids": request["ids"],
            }
        )
    return lines


def files():
    """(path below root, text) of every file."""
    for name, lines in (("tenants_mooncake", tenants()), ("chat_qwen", chats())):
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        yield f"{FOLDER}/{name}.jsonl", text


def main():
    parser = argparse.ArgumentParser(description="Write made-up days of traffic for tests.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    parser.add_argument("--root", default=ROOT, help="the folder that holds Tests/")
    options = parser.parse_args()
    stale = 0
    for path, text in files():
        target = os.path.join(options.root, path)
        if os.path.exists(target):
            with open(target, encoding="utf-8") as file:
                if file.read() == text:
                    continue
        if options.check:
            print(f"make_traffic: {path}: not up to date, run Scripts/make_traffic.py", file=sys.stderr)
            stale += 1
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        print(path)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
