"""Writes cases.json: what Jinja2 makes of each template here, for the differential test of the Templates module.

Run:  python3 make_fixtures.py        (needs Jinja2 3.1.6)

The environment is set up as Hugging Face transformers sets it up for chat templates: an immutable sandbox with
trim_blocks, lstrip_blocks and loop controls, a `tojson` that is json.dumps without ASCII escapes, `raise_exception`
and `strftime_now` (here at a fixed moment, 2024-03-05 14:07:09).
"""

import datetime
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.sandbox
from jinja2 import nodes

NOW = datetime.datetime(2024, 3, 5, 14, 7, 9)


class Generation(jinja2.ext.Extension):
    """`{% generation %}` writes its body, as it does when nobody asks for masks."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    @staticmethod
    def _body(caller):
        return caller()


class Raised(Exception):
    pass


def raise_exception(message):
    raise Raised(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
)
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = NOW.strftime


def outcome(template, context):
    """The output, or the kind of the error as TemplateError names it."""
    try:
        return {"output": environment.from_string(template).render(**context)}
    except Raised as error:
        return {"error": "raised", "message": str(error)}
    except jinja2.TemplateAssertionError:
        return {"error": "undefined"}
    except (jinja2.TemplateSyntaxError, SyntaxError):
        return {"error": "syntax"}
    except jinja2.UndefinedError:
        return {"error": "undefined"}
    except Exception:
        return {"error": "type"}


# --- whole templates, in the manner of the model families ---------------------------------------------------------

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

HEADERS = """
{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- The first system message is taken out so that it can be placed. #}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = "" %}
{%- endif %}
{{- "<|head|>system<|end_head|>\n\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\n" }}
{%- endif %}
{{- "Today: " ~ date_string ~ "\n\n" }}
{%- if tools is not none %}
    {{- "You may call these functions:\n" }}
    {%- for tool in tools %}
        {{- tool | tojson(indent=4) }}
        {{- "\n\n" }}
    {%- endfor %}
{%- endif %}
{{- system }}{{ "<|eot|>" }}
{%- for message in messages %}
    {%- if message.role == 'tool' or message.role == 'ipython' %}
        {{- "<|head|>ipython<|end_head|>\n\n" }}
        {%- if message.content is mapping or (message.content is iterable and message.content is not string) %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot|>" }}
    {%- elif 'tool_calls' in message %}
        {%- if message.tool_calls | length != 1 %}
            {{- raise_exception("Only one tool call at a time!") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|head|>assistant<|end_head|>\n\n' -}}
        {{- '{"name": "' + call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot|>" }}
    {%- else %}
        {{- '<|head|>' + message['role'] + '<|end_head|>\n\n' + message['content'] | trim + '<|eot|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|head|>assistant<|end_head|>\n\n' }}
{%- endif %}
"""

BRACKETS = """{% if messages[0]['role'] == 'system' %}
{% set system_message = '<<SYS>>\n' + messages[0]['content'].strip() + '\n<</SYS>>\n\n' %}
{% set loop_messages = messages[1:] %}
{% else %}
{% set system_message, loop_messages = '', messages %}
{% endif %}
{% for message in loop_messages %}
  {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
    {{ raise_exception('Roles must alternate user/assistant/user/assistant/..., found ' ~ message.role ~ ' at ' ~ loop.index0) }}
  {% endif %}
  {%- set content = system_message + message['content'] if loop.first else message['content'] %}
  {%- if message['role'] == 'user' -%}
{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
  {%- elif message['role'] == 'assistant' -%}
{{ ' ' + content.strip() + ' ' + eos_token }}
  {%- else %}
    {{- raise_exception("Only user and assistant roles are supported!") }}
  {%- endif %}
{%- endfor %}"""

THINKING = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\n\n' }}
    {%- endif %}
    {{- "# Tools\n\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools><|im_end|>\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or reasoning) %}
            {{- '<|im_start|>' + message.role + '\n<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}{{- '\n' }}{%- endif %}
                {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
                {{- '<tool_call>\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}"""

MACROS = """{%- macro show_type(spec, depth=0) -%}
  {%- if spec.type == 'object' and depth < 4 -%}
    {{- '{' }}
    {%- for key, value in spec.properties.items() -%}
      {{- key ~ ': ' ~ show_type(value, depth=depth + 1) }}{% if not loop.last %}, {% endif -%}
    {%- endfor -%}
    {{- '}' -}}
  {%- elif spec.type == 'array' -%}
    {{- 'Array<' ~ show_type(spec['items'], depth + 1) ~ '>' -}}
  {%- elif spec.enum is defined -%}
    {{- spec.enum | map('tojson') | join(' | ') -}}
  {%- else -%}
    {{- spec.type | default('any', true) -}}
  {%- endif -%}
{%- endmacro -%}
{%- for tool in tools or [] %}
type {{ tool.function.name }} = (_: {{ show_type(tool.function.parameters) }});
{% endfor -%}
{%- for m in messages if m.role != 'system' -%}
{%- if m.content is string -%}
{{ m.role | upper }}: {{ m.content | trim | indent(2) }}
{% else -%}
{%- for part in m.content or [] -%}
{%- if part.type == 'text' %}{{ m.role }}: {{ part.text }}
{% elif part.type == 'image' %}<image>
{% else %}{% continue %}{% endif -%}
{%- endfor -%}
{%- endif -%}
{%- else -%}
nobody spoke
{%- endfor -%}
{% generation %}{% if add_generation_prompt %}ASSISTANT:{% endif %}{% endgeneration %}"""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather \"now\" – in a <city> & its surroundings",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Zürich, 東京"},
                    "days": {"type": "array", "items": {"type": "integer"}},
                    "unit": {"enum": ["celsius", "fahrenheit"]},
                    "limits": {"type": "object", "properties": {"low": {"type": "number", "default": -1.5e-7}}},
                },
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "noop", "parameters": {"type": "object", "properties": {}}}},
]
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": [1, 2.0, True, None], "<|im_end|>": "\u2028\\\"\n"}}}

CONVERSATIONS = {
    "user": [{"role": "user", "content": "Hello <|im_end|> there"}],
    "system": [{"role": "system", "content": "  Be terse.\n"}, {"role": "user", "content": " Hi\n\n"}, {"role": "assistant", "content": "\nHo "}, {"role": "user", "content": "naïve 😀?"}],
    "tools": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "{\"t\": 21}"},
        {"role": "tool", "content": ["a", {"b": 1}]},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is 21 degrees."},
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "<think>\nlast\n</think>\n\nBye", "reasoning_content": None},
    ],
    "calls": [{"role": "user", "content": "Two"}, {"role": "assistant", "content": "x", "tool_calls": [CALL, {"name": "noop", "arguments": "{}"}]}],
    "twice": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image"}, {"type": "audio"}]}, {"role": "assistant", "content": None}],
    "empty": [],
    "odd role": [{"role": "user", "content": "q"}, {"role": "narrator", "content": "n"}],
}

# --- small cases ---------------------------------------------------------------------------------------------------

SMALL = r"""
{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}
{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1e16 }} {{ 123456789012345.0 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1.0 % 0 }}
{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 3.0 }} {{ 1e100 }}
{{ true }} {{ True }} {{ false }} {{ none }} {{ None }} {{ true + 1 }} {{ -true }}
{{ 'a' 'b' "c" }} {{ 'it''s' }} {{ 'x\ty\\n\x41\u00e9\101' }} {{ "q\"q" }} {{ 'unknown \q escape' }}
{{ [1, 'a', none, [2.5]] }} {{ (1, 2) }} {{ (1,) }} {{ () }} {{ {'a': 1, 'b': {'c': [true]}} }} {{ [] }} {{ {} }}
{{ ["it's", 'say "hi"', "both ' and \"", 'tab\t', 'é', '\x01', '\xa0', '\u200b'] }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' != 'b' }} {{ [1] == [1] }} {{ (1,) == [1] }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1.0} }}
{{ 'b' in 'abc' }} {{ 'x' not in 'abc' }} {{ 2 in [1, 2] }} {{ 'a' in {'a': 1} }} {{ '' in 'abc' }} {{ 1 in missing }} {{ missing in [1] }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ 'é' > 'z' }} {{ [1, 2] < [1, 3] }} {{ 'a' < 'ab' }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ missing < 1 }}
{{ 'a' ~ 1 ~ none ~ 2.5 ~ missing ~ [1] }}
{{ 'a' + 'b' + 'c' }} {{ [1] + [2] }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [0] * 3 }} {{ 'a' * -1 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ 'a' + none }}
{{ 'a' + missing }}
{{ missing + 'a' }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing() }}
{{ missing }}|{{ d.nothing }}|{{ d['nothing'] }}|{{ l[10] }}|{{ s[99] }}|{{ none.x }}|{{ 5 .x }}
{{ d.nothing.more }}
{{ d.a }} {{ d['a'] }} {{ d.b.c }} {{ l[0] }} {{ l[-1] }} {{ s[1] }} {{ s[-1] }} {{ l.0 }} {{ d.b['c'] }}
{{ l[1:] }} {{ l[:-1] }} {{ l[::-1] }} {{ l[::2] }} {{ l[-2:] }} {{ l[5:] }} {{ l[3:1] }} {{ l[3:1:-1] }} {{ s[1:3] }} {{ s[::-1] }} {{ s[:100] }} {{ (1, 2, 3)[1:] }}
{{ l[::0] }}
{{ none[1:] }}
{{ missing[1:] }}
{{ 1 if true else 2 }} {{ 1 if false }} {{ 1 if false else 2 if false else 3 }} {{ (1 if none) is undefined }}
{{ true and 'x' }} {{ false or 'y' }} {{ none and 1 }} {{ 0 or [] or 'z' }} {{ not 1 }} {{ not not 1 }} {{ not missing }} {{ true or 1 / 0 }}
{{ not 1 == 2 }} {{ 1 + 1 == 2 and not false }} {{ 'a' ~ 'b' == 'ab' }} {{ -1 | abs }} {{ 1 - 1 | abs }}
{{ x is defined }} {{ d is defined }} {{ d.a is defined }} {{ d.zz is undefined }} {{ d.zz is not defined }} {{ n is none }} {{ n is not none }}
{{ 's' is string }} {{ 1 is number }} {{ true is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ 1 is boolean }}
{{ d is mapping }} {{ l is mapping }} {{ l is iterable }} {{ 's' is iterable }} {{ 1 is iterable }} {{ l is sequence }} {{ d is sequence }} {{ 1 is sequence }} {{ missing is iterable }} {{ (1,2) is sequence }}
{{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }} {{ 2 is even }} {{ 3 is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}
{{ 1 is eq 1 }} {{ 1 is equalto(2) }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 1 is gt 2 }} {{ 1 is le 1 }} {{ 2 is ge 3 }} {{ 1 is in [1, 2] }} {{ 3 is not in [1, 2] }} {{ 'a' is sameas 'a' }}
{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'Abc' is lower }} {{ '1' is lower }} {{ range is callable }} {{ l is callable }}
{{ 1 is nonsense }}
{{ 1 | nonsense }}
{% if false %}{{ 1 | nonsense }}{% endif %}ok
{{ '  x  ' | trim }}| {{ 'xxaxx' | trim('x') }}| {{ 5 | trim }}| {{ '\u3000a\xa0' | trim }}|
{{ [1, 2, 3] | length }} {{ 'naïve' | length }} {{ d | count }} {{ missing | length }}
{{ 5 | length }}
{{ none | length }}
{{ missing | default('x') }} {{ '' | default('x') }} {{ '' | default('x', true) }} {{ none | d('y', boolean=true) }} {{ none | default('z') }} {{ 0 | default(7) }} {{ missing | default }}
{{ [1, 2, 3] | join(', ') }} {{ ['a', none, 2.0] | join }} {{ 'abc' | join('-') }} {{ [{'n': 1}, {'n': 2}] | join('+', attribute='n') }} {{ d | join(',') }}
{{ 'Hello World' | upper }} {{ 'HELLO' | lower }} {{ 'straße ŉ' | upper }} {{ 'hello wORLD foo-bar (baz' | title }} {{ 'hELLO wORLD' | capitalize }} {{ "it's" | title }} {{ "it's a dog" .title() }}
{{ 'aXbXc' | replace('X', '-') }} {{ 'aXbXc' | replace('X', '-', 1) }} {{ 'abc' | replace('', '.') }} {{ 112 | replace(1, 3) }}
{{ [3, 1, 2] | first }} {{ [3, 1, 2] | last }} {{ 'abc' | first }} {{ [] | first }}| {{ 'abc' | last }}
{{ 'abc' | list }} {{ d | list }} {{ (1, 2) | list }} {{ missing | list }}
{{ 5 | list }}
{{ 42 | string + '!' }} {{ none | string }} {{ [1, 'a'] | string }} {{ 1.0 | string | length }}
{{ '42' | int }} {{ '42.7' | int }} {{ 'x' | int }} {{ 'x' | int(-1) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ none | int }} {{ 'ff' | int(0, 16) }} {{ true | int }} {{ ' 7 ' | int }}
{{ '1.5' | float }} {{ 'x' | float }} {{ 3 | float }} {{ 'x' | float(2.5) }} {{ '1e3' | float }}
{{ missing | int }}
{{ -5 | abs }} {{ 5.5 | abs }} {{ 2.567 | round(2) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.1 | round(0, 'ceil') }} {{ 2.9 | round(method='floor') }} {{ 7 | round }} {{ 42.55 | round(1) }}
{{ 'a' | abs }}
{{ [1, 2, 3] | sum }} {{ [{'n': 1}, {'n': 2}] | sum(attribute='n') }} {{ [1.5, 2] | sum(start=10) }} {{ [] | sum }}
{{ ['a'] | sum }}
{{ [3, 1, 2] | min }} {{ [3, 1, 2] | max }} {{ ['b', 'A'] | min }} {{ [] | min }}| {{ [{'n': 1}, {'n': 2}] | max(attribute='n') }} {{ ['b', 'A'] | max(case_sensitive=true) }}
{{ [{'n': 'a'}, {'n': 'b'}] | map(attribute='n') | list }} {{ ['a', 'b'] | map('upper') | join }} {{ [{'n': 1}, {}] | map(attribute='n', default=0) | list }} {{ [' a '] | map('trim') | list }} {{ [[1, 2], [3]] | map('length') | list }} {{ [[1, 2], [3, 4]] | map(attribute=1) | list }} {{ [{'a': {'b': 1}}] | map(attribute='a.b') | list }} {{ ['ab'] | map('replace', 'a', 'x') | list }}
{{ [{'n': 1}, {'n': 0}] | selectattr('n') | list }} {{ users | selectattr('age', 'gt', 20) | map(attribute='name') | list }} {{ users | rejectattr('age', 'gt', 20) | map(attribute='name') | list }} {{ users | selectattr('role', 'equalto', 'admin') | list | length }} {{ users | selectattr('nick', 'defined') | list | length }} {{ users | selectattr('name', 'in', ['Bo']) | list | length }}
{{ [0, 1, '', 'a'] | select | list }} {{ [1, 2, 3] | select('odd') | list }} {{ [1, 2, 3] | reject('odd') | list }} {{ [1, 2, 3] | select('divisibleby', 3) | list }} {{ [1, none] | reject('none') | list }} {{ ['a', 1] | select('string') | first }}
{{ 'yes' if [] | select | list else 'no' }} {{ 'yes' if [] | select else 'no' }}
{{ [1, 2] | select | length }}
{{ d | items | list }} {{ d.items() | list }} {% for k, v in d | items %}{{ k }}={{ v }};{% endfor %} {{ missing | items | list }}
{{ {'b': 1, 'A': 2} | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ {'b': 1, 'a': 2} | dictsort(reverse=true) }} {{ {'b': 1, 'A': 2} | dictsort(true) }}
{{ [3, 1, 2] | sort }} {{ ['b', 'A', 'c'] | sort }} {{ ['b', 'A', 'c'] | sort(case_sensitive=true) }} {{ [3, 1, 2] | sort(reverse=true) }} {{ users | sort(attribute='age') | map(attribute='name') | join(',') }} {{ users | sort(attribute='role,name') | map(attribute='name') | join(',') }}
{{ [1, 'a'] | sort }}
{{ [1, 2, 1, 'A', 'a'] | unique | list }} {{ users | unique(attribute='role') | map(attribute='name') | list }}
{{ [1, 2, 3] | reverse | list }} {{ 'abc' | reverse }} {% for x in [1, 2] | reverse %}{{ x }}{% endfor %}
{{ '<a href="x">\'&' | escape }} {{ '<b>' | e }} {{ '<b>' | safe }}
{{ 'a\nb\n\nc' | indent }} {{ 'a\nb' | indent(2, true) }} {{ 'a\n\nb' | indent(2, blank=true) }} {{ 'a\nb' | indent('> ') }}
{{ 'one two, three_4 don\'t' | wordcount }} {{ 'hello world foo bar' | truncate(11) }} {{ 'hello world foo bar' | truncate(12, true) }} {{ 'short' | truncate(3) }} {{ 'hello world foo' | truncate(9, leeway=0, end='…') }}
{{ 'ab' | center(7) }}| {{ 'ab' | center(6) }}| {{ 'abc' | center(6) }}| {{ [1, 2, 3] | batch(2) | list }} {{ [1, 2, 3] | batch(2, 'x') | list }} {% for role, us in users | groupby('role') %}{{ role }}:{{ us | length }} {% endfor %}
{{ '%s is %d and %.2f%%' | format('x', 3, 2.5) }} {{ '%5d|%-5s|%05d|%x' | format(42, 'a', -7, 255) }} {{ '%s-%s' % (1, 'b') }} {{ '%s' % 'x' }} {{ '%(a)s' | format(a=1) }} {{ '%r' | format('q') }} {{ '%.2s' | format('abc') }}
{{ '%s %s' | format(1) }}
{{ '%d' | format('x') }}
{{ d | tojson }} {{ 'é"\\\n\x01<>&\'' | tojson }} {{ [1, 1.0, true, none, 1e20] | tojson }} {{ {'b': 1, 'a': [1, {}]} | tojson(sort_keys=true) }} {{ [] | tojson }} {{ (1, 2) | tojson }}
{{ {'a': [1, {'b': []}], 'c': {}} | tojson(indent=2) }} {{ [1, 2] | tojson(separators=(',', ':')) }} {{ 'é😀\x7f' | tojson(ensure_ascii=true) }} {{ [1] | tojson(indent=0) }} {{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}
{{ missing | tojson }}
{{ ' a b '.strip() }}| {{ 'xxaxx'.lstrip('x') }} {{ 'xxaxx'.rstrip('x') }} {{ 'abcba'.strip('ab') }} {{ 'a\n'.rstrip('\n') }}|
{{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ '  a  b '.split() }} {{ ' a b c '.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split(',') }} {{ ''.split() }} {{ ' a b c '.rsplit(maxsplit=1) }} {{ 'a</t>b'.split('</t>')[-1] }}
{{ 'a'.split('') }}
{{ 'a\nb\r\nc\n'.splitlines() }} {{ 'a\nb'.splitlines(true) }} {{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'bc')) }} {{ 'abc'.replace('b', 'x') }} {{ 'aaa'.replace('a', 'b', 2) }}
{{ 'abc'.upper() }} {{ 'ABC'.lower() }} {{ 'ab cd'.title() }} {{ 'ab CD'.capitalize() }} {{ 'abcb'.find('b') }} {{ 'abcb'.rfind('b') }} {{ 'abc'.find('x') }} {{ 'abcb'.count('b') }} {{ 'éa'.index('a') }} {{ '12'.isdigit() }} {{ '1a'.isdigit() }} {{ ''.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'aB'.islower() }} {{ 'AB'.isupper() }}
{{ ','.join(['a', 'b']) }} {{ '{} and {}'.format(1, 'b') }} {{ '{0}{0}{x}'.format('a', x=2) }} {{ '{{}}'.format() }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.py'.removesuffix('.py') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(3) }}
{{ ','.join([1]) }}
{{ 'abc'.index('x') }}
{{ 'abc'.nonsense() }}
{{ 'abc'.__class__ }}|
{{ d.get('a') }} {{ d.get('zz') }} {{ d.get('zz', 'std') }} {{ d.keys() | list }} {{ d.values() | list }} {% for k, v in d.items() %}{{ k }}:{{ v }} {% endfor %}{{ d.items() | length }}
{{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }} {{ (1, 2).index(2) }}
{% set _ = l.append(1) %}
{% set _ = d.update({'x': 1}) %}
{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(5, 0, -2) | list }} {{ range(0) | list }} {% for i in range(2) %}{{ i }}{% endfor %}
{{ range(1, 2, 0) }}
{{ dict(a=1, b='x') }} {{ dict({'a': 1}, c=3) }} {{ dict([('k', 'v')]) }}
{{ raise_exception('stop: ' ~ d.a) }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %j %a %b %%') }}|{{ strftime_now('') }}|{{ strftime_now('%d %B %Y') }}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.cycle('a', 'b') }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}
{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}{{ loop is defined }}
{% for x in [] %}a{% else %}empty{% endfor %} {% for x in missing %}a{% else %}none{% endfor %} {% for x in 'ab' %}{{ x }}.{% endfor %} {% for k in d %}{{ k }}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }} {% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a + b + c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for x in [1, 2, 3, 4] if x is even %}{{ loop.index }}{{ x }}{{ loop.last }} {% else %}no{% endfor %}{% for x in [1] if x > 5 %}{% else %}none{% endfor %}
{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in [1, 2] %}{% for y in 'ab' %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }};{% endfor %}
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}
{% set ns = namespace(n=0, s='') %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }} {{ ns.s }} {{ ns.missing is defined }} {{ ns['n'] }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}{% set ns.c = 3 %}{{ ns.c }}
{% set x = 5 %}{% set x.y = 1 %}
{% if true %}{% set y = 1 %}{% endif %}{{ y }} {% set a, b = 1, 2 %}{{ a }}{{ b }} {% set t = 1, 2 %}{{ t }} {% set (p, q) = 'xy' %}{{ p }}{{ q }}
{% set a, b = [1] %}
{% set up | upper | replace('A', 'o') %}banana{% endset %}{{ up }}
{% if 0 %}a{% elif '' %}b{% elif [0] %}c{% else %}d{% endif %} {% if missing %}x{% endif %}{% if not d.zz %}y{% endif %}
{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, c=9) }} {{ m(b=1, a=0) }} {{ m() }}|
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}
{% macro m() %}{{ varargs }} {{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }} {{ m(*[1], **{'q': 2}) }}
{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }} {{ f(2) | length }} {{ f is callable }}
{% macro outer(x) %}<{{ caller(x) }}>{% endmacro %}{% call(v) outer(3) %}got {{ v }}{% endcall %}
{% macro w() %}[{{ caller() }}]{% endmacro %}{% call w() %}a{{ d.a }}{% endcall %}
{% set v = 1 %}{% macro m() %}{{ v }}{% set v = 2 %}{{ v }}{% endmacro %}{{ m() }}{{ v }}{% set v = 5 %}{{ m() }}
{% filter upper | trim %} shout {{ d.a }} {% endfilter %}|
{% with a = 1, b = 2 %}{{ a + b }}{% set c = 3 %}{% endwith %}{{ a is defined }}{{ c is defined }}
{% generation %}{% set inner = 1 %}text{% endgeneration %}{{ inner is defined }}
a {# comment #} b {#- strip -#} c {# {{ nothing }} {% at all %} #}
a{% raw %}{{ raw }} {% if %}{% endraw %}b {%- raw -%}  x  {%- endraw -%}  c
{{ '{{' }} {{ '%}' }} {{ "}}" }} {{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {}} }}
{{- 'x' -}}   y   {{- 'z' }}
{% if true -%}   a   {%- endif %}  b
a {%- if true %} b {% endif -%} c
{{ 1
{% if true %}
{% endif
{% if true %}{% endfor %}
{% for x in l %}
{{ }}
{{ 1 + }}
{{ (1 }}
{{ [1, 2 }}
{{ 'abc }}
{{ a b }}
{% nonsense %}
{% set x %}
{% break %}
{% set true = 1 %}
{{ 1 ? 2 }}
{{ d.1x }}
{{ f(a=1, 2) }}
{% macro m(a=1, b) %}{% endmacro %}
{# never closed
{% raw %} never closed
{{ {1: 2, 'a'} }}
{{ x is is y }}
{{ [1, 2, 3][1] }} {{ 'abc'[0] }} {{ {'k': 'v'}.k }} {{ (1, 2)[0] }} {{ 'a b'.split()[1].upper() | lower }} {{ d.b.c.d }}
{{ [[1, 2], [3]] | sum(start=[]) }} {{ 'x' if 'a' in d and d.a else 'y' }} {{ l | map('string') | join('') | int + 1 }}
{{ 'a' ~ 1 + 2 }}
{{ 10 | string ~ 'px' }} {{ 2 * 'a' ~ 'b' }} {{ 1 ~ 2 == '12' }}
{{ {'a': 1}.items() | list }} {{ {true: 'x', 1.0: 'y'} }}
{{ {[1]: 2} }}
{{ undefined_function is defined }} {{ namespace is defined }} {{ 'a' is defined }}
{{ big }} {{ big | tojson }} {{ small }} {{ [big] }} {{ floats }} {{ floats | tojson }}
{{ emoji[0] }}{{ emoji[1:2] }}{{ emoji | length }}{{ emoji[::-1] }} {{ emoji | upper }} {{ emoji.split('é') }}
""".strip("\n").split("\n")

# Cases of more than one line: where newlines and blanks go.
LINES = [
    "{% set block %}  hi {{ 1 + 1 }}\nthere{% endset %}[{{ block }}]",
    "{% if true %}\nyes\n{% endif %}\nend\n",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc",
    "a\n  {{ 1 }}\n  {{- 2 }}\n  {{ 3 -}}\n  b",
    "  {% set x = 1 %}  \n{{ x }}",
    "a {% if true %} b {% endif %} c",
    "a\n\n  {%- if true %}\n\n b\n {%- endif %}\n\nc",
    "a\n  {%+ if true %}\n  b\n  {%+ endif +%}\nc",
    "a\n  {# one #}\n  b {# two #}\n c\n{#- three -#}\n d",
    "a\n  {#+ one +#}\n  b",
    "{% for x in [1, 2] %}\n  {{ x }}\n{% endfor %}\n",
    "{%- for x in [1, 2] -%}\n  {{ x }}\n{%- endfor -%}\n",
    "{% for x in [1, 2] %}\n    {% if x == 1 %}\n\tone\n    {% else %}\n\tother\n    {% endif %}\n{% endfor %}",
    "one\r\ntwo\rthree\n\n",
    "{{ 'a\nb' }}\n\n",
    "\n\n{{ 1 }}\n",
    "{% if true %}{% endif %}\n  {% if true %}\n  x{% endif %}",
    "{{ 1 }}\n{{ 2 }}\n\n{{ 3 }}",
    "{% if true %}   \n{% endif %}x",
    "{% raw %}\n  {{ a }}\n{% endraw %}\nx",
    "a\n  {% raw %}b{% endraw %}  \nc",
    "{{ [\n  1,\n  2,\n] }}{{ {\n 'a': 1,\n} }}",
    "{% macro m() %}\n  body\n{% endmacro %}\n[{{ m() }}]",
    "{% set x %}\n  body\n{% endset %}\n[{{ x }}]",
    " \t {% if true %}a{% endif %}\n \t {{ 1 }}",
    "x\u3000\n\u3000{% if true %}y{% endif %}\u00a0{{- 1 }}",
    "",
    "\n",
    "{",
    "{ {% if true %} } % # {% endif %}",
]

CONTEXT = {
    "d": {"a": 1, "b": {"c": "deep"}, "e": [1, 2]},
    "l": [1, 2, 3, 4],
    "s": "hello",
    "n": None,
    "users": [
        {"name": "Al", "age": 30, "role": "admin"},
        {"name": "Bo", "age": 20, "role": "user", "nick": "b"},
        {"name": "Cy", "age": 25, "role": "admin"},
    ],
    "big": 123456789012345678901234567890,
    "small": -9223372036854775808,
    "floats": [0.1, 1e-06, 0.0001, 1e22, 1.0, -0.0, 123456.789, 5e-324, 1e15, 1e16],
    "emoji": "😀é",
}


def main():
    cases = []
    whole = {"chatml": CHATML, "headers": HEADERS, "brackets": BRACKETS, "thinking": THINKING, "macros": MACROS}
    for name, template in whole.items():
        runs = []
        for label, messages in CONVERSATIONS.items():
            tools = TOOLS if label in ("tools", "calls", "parts") else None
            for prompt in (True, False) if label == "system" else (True,):
                extra = {"enable_thinking": False} if label == "user" else {}
                context = {
                    "messages": messages, "tools": tools, "add_generation_prompt": prompt,
                    "bos_token": "<s>", "eos_token": "</s>", **extra,
                }
                runs.append({"name": label, **context, "extra": extra, **outcome(template, context)})
                for key in ("bos_token", "eos_token", "enable_thinking"):
                    runs[-1].pop(key, None)
        cases.append({"name": name, "template": template, "runs": runs})
    small = [{"template": t, **outcome(t, CONTEXT)} for t in SMALL + LINES]
    document = {"templates": cases, "context": CONTEXT, "small": small}
    path = pathlib.Path(__file__).with_name("cases.json")
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    print(f"{path.name}: {len(small)} small cases, {sum(len(c['runs']) for c in cases)} conversations")


if __name__ == "__main__":
    main()
