#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Do the message tables in C and the JSON Schemas say the same?

    agreement_test.py [PATH_OF_DUMP]

Compares both ways every path, its type, whether it is required, the names of
enumerations and the maximum of lists and texts; validates every golden
message and a C-encoded message with every member set. Prints TAP.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys

import jsonschema
import msgpack
import yaml

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
MESSAGES = ["job", "result", "chunk", "event", "audit", "cancel"]

# Type in C -> what the schema has to say.
TYPES = {
    "bool": "boolean", "int": "integer", "uint": "integer", "str": "string",
    "double": "number",
    "strs": "array", "objects": "array", "strmap": "object", "map": "object",
    "object": "object",
}
# A sample sets everything; these go so that "exactly one of" holds.
NOT_TOGETHER = {
    "job": [["entrypoint"], ["manifest"]],
    "cancel": [["target", "job_id"], ["target", "session_id"]],
}


class Report:
    """Test Anything Protocol, with the reasons below a failure."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def test(self, name, problems):
        self.count += 1
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}")
        for problem in problems:
            print(f"#   {problem}")

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def load(name):
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def deref(schema, node):
    """Follows a $ref inside the same file; beside it only words may stand."""
    name = None
    while "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        node = schema["$defs"][name]
    return name, node


def leaf_of(schema, node):
    """What of a property can be compared with a row of a table."""
    name, node = deref(schema, node)
    leaf = {"kind": node.get("type"), "names": "", "max": 0, "unsigned": False}
    if name == "bytes":
        leaf["kind"] = "bytes"
    elif "const" in node:
        leaf["kind"], leaf["unsigned"] = "integer", True
    elif "enum" in node:
        leaf["kind"], leaf["names"] = "enum", ",".join(node["enum"])
    elif node.get("type") == "integer":
        leaf["unsigned"] = node.get("minimum", -1) >= 0
    elif node.get("type") == "array":
        leaf["max"] = node.get("maxItems", 0)
    elif node.get("type") == "object":
        leaf["max"] = node.get("maxProperties", 0)
    return leaf, node


def schema_paths(schema, node, prefix=""):
    """Every property with its path, the way record_walk() writes it."""
    for name, sub in node.get("properties", {}).items():
        path = prefix + name
        leaf, sub = leaf_of(schema, sub)
        leaf["required"] = name in node.get("required", [])
        leaf["described"] = bool(node["properties"][name].get("description"))
        yield path, leaf
        if leaf["kind"] == "object":
            yield from schema_paths(schema, sub, path + ".")
        elif leaf["kind"] == "array":
            _, items = deref(schema, sub["items"])
            yield from schema_paths(schema, items, path + "[].")


def table_paths(dump):
    tables = {name: {} for name in MESSAGES}
    text = subprocess.run([dump, "paths"], check=True, capture_output=True,
                          text=True).stdout
    for line in text.splitlines():
        message, path, kind, need, most, names = line.split("\t")
        tables[message][path] = {
            "kind": kind, "required": need == "required", "max": int(most),
            "names": names,
        }
    return tables


def compare_row(path, row, leaf):
    wanted = {"bin": "bytes", "enum": "enum", "raw": None}.get(
        row["kind"], TYPES.get(row["kind"]))
    if leaf["kind"] != wanted:
        yield f"{path}: {row['kind']} in C, {leaf['kind']} in the schema"
    if row["required"] != leaf["required"]:
        yield f"{path}: required is {row['required']} in C only"
    if row["names"] != leaf["names"]:
        yield f"{path}: {row['names']} in C, {leaf['names']} in the schema"
    if row["kind"] in ("int", "uint"):
        if leaf["unsigned"] != (row["kind"] == "uint"):
            yield f"{path}: signed in one place only"
    if row["kind"] in ("strs", "objects", "strmap"):
        if row["max"] != leaf["max"]:
            yield f"{path}: at most {row['max']} in C, {leaf['max']} here"
    if not leaf["described"]:
        yield f"{path}: has no description"


def compare(table, properties):
    for path in table.keys() - properties.keys():
        yield f"{path}: known to C, not in the schema"
    for path in properties.keys() - table.keys():
        yield f"{path}: in the schema, not known to C"
    for path in sorted(table.keys() & properties.keys()):
        yield from compare_row(path, table[path], properties[path])


def for_people(value):
    """As a reader of the schemas sees a message: bytes as text or base64."""
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            return {"base64": base64.b64encode(value).decode()}
        return text
    if isinstance(value, dict):
        return {key: for_people(item) for key, item in value.items()}
    if isinstance(value, list):
        return [for_people(item) for item in value]
    return value


def judge(name, message):
    validator = jsonschema.Draft202012Validator(load(name))
    for error in validator.iter_errors(message):
        where = "/".join(str(part) for part in error.absolute_path)
        yield f"{where}: {error.message[:200]}"


def sample(dump, name):
    packed = subprocess.run([dump, "sample", name], check=True,
                            capture_output=True).stdout
    return msgpack.unpackb(packed, raw=False)


def paths_in(value, prefix=""):
    """Paths of a message, as schema_paths() writes them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield prefix + key
            yield from paths_in(item, prefix + key + ".")
    elif isinstance(value, list):
        for item in value:
            yield from paths_in(item, prefix[:-1] + "[].")


def check_sample(dump, name, properties):
    message = sample(dump, name)
    yield from (f"{path}: not encoded" for path in
                properties.keys() - set(paths_in(message)))
    for *above, last in NOT_TOGETHER.get(name, []):
        node = message
        for key in above:
            node = node[key]
        del node[last]
    message = for_people(message)
    if name == "result":  # the sample has every boolean true
        message["status"] = "success"
    yield from judge(name, message)


def check_golden(path):
    name = path.name.split("-")[0]
    packed = msgpack.unpackb(path.read_bytes(), raw=False)
    written = json.loads(path.with_suffix(".json").read_text())
    if for_people(packed) != written:
        yield "the .json file says something else"
    yield from judge(name, written)


BAD = [
    ("job", {"language": "python", "code": ""}, "no job_id"),
    ("job", {"job_id": "a"}, "nothing to run"),
    ("job", {"job_id": "a b", "language": "python", "code": ""}, "id"),
    ("job", {"job_id": "a", "language": "python", "code": "",
             "manifest": "m"}, "two sources"),
    ("job", {"job_id": "a", "language": "python", "code": "",
             "limits": {"memory_bytes": -1}}, "negative limit"),
    ("job", {"job_id": "a", "language": "python", "entrypoint": "../x"},
     "path that leaves"),
    ("job", {"job_id": "a", "language": "python", "code": "",
             "env": {"A=B": ""}}, "= in env"),
    ("result", {"v": 1, "job_id": "a", "state": "finished",
                "status": "success", "success": False,
                "stdout_truncated": False, "stderr_truncated": False},
     "success that contradicts"),
    ("cancel", {"v": 1, "cancel_id": "c", "target": {}}, "no target"),
]


def check_bad():
    for name, message, why in BAD:
        if not list(judge(name, message)):
            yield f"{name}: accepted in spite of: {why}"


def check_asyncapi():
    """It names every message by the schema file that exists."""
    document = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())
    used = set()
    for message in document["components"]["messages"].values():
        payload = message.get("payload", {})
        ref = payload.get("schema", {}).get("$ref")
        if ref:
            used.add(ref)
    for name in MESSAGES:
        if f"./{name}.json" not in used:
            yield f"{name}.json is used by no message"
    for ref in used:
        if not (SCHEMAS / ref).exists():
            yield f"{ref} does not exist"


def main():
    build = os.environ.get("TEST_BUILD", "build")
    dump = sys.argv[1] if len(sys.argv) > 1 else f"{build}/tests/schema/dump"
    report = Report()
    tables = table_paths(dump)
    for name in MESSAGES:
        schema = load(name)
        jsonschema.Draft202012Validator.check_schema(schema)
        properties = dict(schema_paths(schema, schema))
        report.test(f"{name}: table and schema agree on "
                    f"{len(properties)} paths",
                    list(compare(tables[name], properties)))
        report.test(f"{name}: what C encodes validates",
                    list(check_sample(dump, name, properties)))
    for path in sorted((SCHEMAS / "golden").glob("*.msgpack")):
        report.test(f"golden {path.name}", list(check_golden(path)))
    report.test("schemas refuse bad messages", list(check_bad()))
    report.test("asyncapi.yaml", list(check_asyncapi()))
    sys.exit(report.done())


main()
