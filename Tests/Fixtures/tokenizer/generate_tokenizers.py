"""Writes the small tokenizers of this folder and what Hugging Face's tokenizers makes of many strings.

    pip install tokenizers==0.23.3 && python generate_tokenizers.py

Each <name>.json is a tokenizer.json; <name>.expected.json lists {"text", "ids", "plain" (special tokens not
recognised), "decoded", "decoded_all"}.
"""

import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

CORPUS = [
    "The keeper of the lighthouse walked up the stairs every night, and he'd light the lamp before the ships came in.",
    "It's what they're used to: we've seen 1234 ships, 567 boats and 89 rafts; I'm sure you'll see more, won't you?",
    "def total(values: list[int]) -> int:\n    result = 0\n    for value in values:\n        result += value\n    return result\n",
    "Der Wärter prüfte die Laterne; le gardien a vérifié la lumière; el farero encendió la lámpara año tras año.",
    "Смотритель маяка зажёг огонь. Ο φύλακας άναψε το φως. 灯台守は毎晩灯りをともした。守塔人每晚点亮灯塔。 등대지기는 불을 켰다.",
    "  indented\n\n\n\ttabs\t\tand   spaces  \r\nWindows lines\r\n\r\n!!! ... --- === (parentheses) [brackets] {braces} #hash @at",
]

STRINGS = [
    "", " ", "  ", "   ", "a", " a", "  a", "a ", "a  ", "\n", "\n\n", " \n", "\n ", " \n ", "\t", "\t\t", "\r\n", "\r\n\r\n",
    "\n\n\nfoo", "foo\n\n\n", "foo  \n  bar", "foo \t\n\t bar", "  \n\n  ", "   \r\n   x", "x   \r\n", "\u00a0x", " \u00a0 x",
    "\u2003\u2003x", "\u3000漢字", "x\u0085y", "x\u2028y\u2029z", "\u200bzero\u200bwidth", "\ufeffbom",
    "it's", "IT'S", "It'S", "we're WE'RE we'RE we'Re", "I'll I'LL I'lL", "I've I'VE", "I'd I'D", "I'm I'M", "don't DON'T",
    "it'\u017f ok", "'s", " 's", "'S", "''s", "'", "' s", "'x", "'re", "'r", "'l", "'ll'll", "x'sx", "o'clock", "'\u00e9",
    "1", "12", "123", "1234", "12345", " 1", " 12 34", "  12", "a1b22c333", "1.5", "1,000,000", "٣٤٥٦", "½ ¾ Ⅷ ①②③", "१२३४",
    "x 1 y", "x  1", "x \n1", "\t1", "1\n2", "１２３４",
    "hello world", "Hello, World!", "hello_world", "snake_case_name camelCaseName", "a.b.c", "...", " ...", "!!!\n\n", "!?!? x",
    "-\n-", " -\r\n\r\nx", "(a)", " (a)", "\"quoted\" text", "$100", "#tag @user", "a=b", "a == b", "//comment\n", "http://x.y/z?q=1&r=2",
    "Смотритель маяка", "Ο φύλακας", "灯台守は毎晩", "守塔人", "등대지기", "مرحبا بالعالم", "שלום עולם", "สวัสดี", "नमस्ते दुनिया", "Tiếng Việt",
    "caf\u00e9", "cafe\u0301", "e\u0301\u0323", "\u0323\u0301e", "A\u030a \u212b", "\u1100\u1161\u11a8", "각", "ﬁ ﬀ", "i\u0307", "\u0344", "\u0f73\u0f73", "a\u0327\u0301b",
    "q\u0307\u0323", "\u0301", " \u0301x", "\u0958", "x\u20e3", "1\ufe0f\u20e3",
    "🙂", " 🙂", "🙂🙂", "👨‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇫🇷🇯🇵", "x🙂y 1🙂2", "\U0001d7ce\U0001d400", "\U00020000\U0002a6d6", "\U000e0041", "\U0010ffff",
    "\x00", "\x01\x02", "a\x00b", "\x1b[0m", "\x7f", "\x1c\x1d\x1e\x1f", "\x04\x06",
    "<|bos|>", "<|bos|><|eos|>", "x<|bos|>y", "x <|bos|> y", "<|bos", "<|bos|", "|bos|>", "<|bosx|>", "<<|bos|>>", "<|BOS|>", "<|bos |>",
    "<|eos|><|eos|>", "<|eo<|eos|>s|>", "<|bos|>\n", "\n<|bos|>", "  <|bos|>  hello", "hello <|eos|>",
    "<pad>", "a <pad> b", "a  <pad>  b", "a\n <pad>\n\tb", "<pad><pad>", " <pad> <pad> ", "<mask>", "x <mask>", "x \t<mask> y", "<mask> <mask>",
    "<sep> a", "a<sep> \n b", "word", "a word b", "aword", "worda", "word1", "word_", "_word", "(word)", "word word", "wordword", "éword", "word\u0301",
    "word\u200d", "\u24b6word", "wor", "word.", "<tool>", "<tool>x</tool>", "<toolbox>", "<tool><toolbox>", "<toolbo", "a <tool> b", "norm", "xnormx",
    "<tool>norm<pad>norm", "no<pad>rm", "normal norm",
    "aaaaaaaaaaaaaaaa", "abababababababababab", "thethethethethethe", "x" * 100, "the" * 40, " " * 50, "\n" * 50, " \n" * 20, "é" * 45, "!" * 60, "1" * 50,
    "aeiou" * 30, "灯" * 30, "." * 41 + "\n\nx", " " * 41 + "x", " " * 41 + "1", "\t" * 41 + "x",
]


def random_strings(count):
    rng = random.Random(7)
    alphabet = (
        list("abcdefstvmlrdSTVMLRD'' '' ") + ["  ", "\n", "\r\n", "\t", "1", "22", "٣", "½", "é", "e\u0301", "ß", "ſ", "Ж", "灯", "한", "ᄀ"]
        + list(".,!?-_<>|()") + ["🙂", "\u200d", "\u00a0", "\u3000", "\u0323", "\u0301", "\x00", "\x05", "the ", "light", "'ll", "'RE", "<|bos|>", "<pad>", "word", "<tool>", "norm"]
    )
    return ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 30))) for _ in range(count)]


def added(*, flags):
    tokens = [AddedToken("<|bos|>", special=True, normalized=False), AddedToken("<|eos|>", special=True, normalized=False)]
    if flags:
        tokens += [
            AddedToken("<pad>", special=True, normalized=False, lstrip=True, rstrip=True),
            AddedToken("<mask>", special=True, normalized=False, lstrip=True),
            AddedToken("<sep>", special=True, normalized=False, rstrip=True),
            AddedToken("word", special=False, normalized=False, single_word=True),
            AddedToken("<tool>", special=False, normalized=False),
            AddedToken("<toolbox>", special=False, normalized=False),
            AddedToken("norm", special=False, normalized=True),
        ]
    return tokens


def byte_level(use_regex, prefix=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=use_regex)


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level(False)])


def write(name, pre_tokenizer, *, normalizer=None, size=600, full=True, flags=False, bos=False, pairs=True, unk=None, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(unk_token=unk))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet() if full else []
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=sorted(alphabet), show_progress=False, special_tokens=[unk] if unk else []
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    special = added(flags=flags)
    tokenizer.add_special_tokens([t for t in special if t.special])
    tokenizer.add_tokens([t for t in special if not t.special])
    if bos:
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|bos|> $A", pair="<|bos|> $A <|bos|>:1 $B:1", special_tokens=[("<|bos|>", tokenizer.token_to_id("<|bos|>"))]
            ),
        ])
    data = json.loads(tokenizer.to_str())
    if ignore_merges:
        # Whole pieces that merging does not reach show that they are looked up first.
        data["model"]["ignore_merges"] = True
        data["model"]["merges"] = [m for i, m in enumerate(data["model"]["merges"]) if i % 5 != 4]
        tokenizer = Tokenizer.from_str(json.dumps(data))
    if not pairs:
        data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
        tokenizer = Tokenizer.from_str(json.dumps(data))
    (HERE / f"{name}.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
    items = []
    for text in STRINGS + random_strings(120):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        item = {"text": text, "ids": ids}
        item["decoded"] = tokenizer.decode(ids, skip_special_tokens=True)
        item["decoded_all"] = tokenizer.decode(ids, skip_special_tokens=False)
        items.append(item)
    tokenizer.encode_special_tokens = True
    for item in items:
        plain = tokenizer.encode(item["text"], add_special_tokens=False).ids
        if plain != item["ids"]:
            item["plain"] = plain
    with open(HERE / f"{name}.expected.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(i, separators=(",", ":")) for i in items) + "\n]\n")


write("gpt2", byte_level(True), pairs=False)
write("gpt2-prefix-space", byte_level(True, prefix=True), size=400)
write("smollm", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]), full=False)
write("llama3", split(LLAMA3), bos=True, ignore_merges=True)
write("qwen2", split(QWEN2), normalizer=normalizers.NFC(), flags=True)
write("unknown-token", byte_level(True), full=False, unk="<unk>", size=300)
