"""Makes pairs of contract versions and asks `datacontract breaking` about each: pip install datacontract-cli==1.2.8.

Prints one JSON object for each pair: the kind of edit, the contract that is edited, the edit as JSON Patch (RFC 6902), and the verdict
for consumers: "breaking", "warning" or "compatible". The test beside this file reads what was printed: verdicts.jsonl.
"""

import copy
import itertools
import json
import pathlib
import random
import tempfile

import yaml
from datacontract.data_contract import DataContract

HERE = pathlib.Path(__file__).parent
BASES = {name: json.loads((HERE / f"{name}.odcs.json").read_text()) for name in ["orders", "customers", "readings"]}
OTHER_TYPE = {"string": "integer", "integer": "number", "number": "integer", "date": "timestamp", "timestamp": "date",
              "boolean": "string", "object": "string", "array": "string"}
LEAST, MOST = ["minLength", "minimum", "minItems"], ["maxLength", "maximum", "maxItems"]


def columns(base):
    """All columns with their paths, those inside others too."""
    def below(at, node):
        for number, column in enumerate(node.get("properties", [])):
            path = f"{at}/properties/{number}"
            yield path, column
            yield from below(path, column)
    for number, table in enumerate(base["schema"]):
        yield from below(f"/schema/{number}", table)


def checks(base):
    for number, table in enumerate(base["schema"]):
        for at, check in enumerate(table.get("quality", [])):
            yield f"/schema/{number}/quality/{at}", check
    for path, column in columns(base):
        for at, check in enumerate(column.get("quality", [])):
            yield f"{path}/quality/{at}", check


def remove(path):
    return [{"op": "remove", "path": path}]


def put(path, value):
    return [{"op": "add", "path": path, "value": value}]


def bounds(base, way):
    for path, column in columns(base):
        for key, value in column.get("logicalTypeOptions", {}).items():
            if key in LEAST or key in MOST:
                for step in (1, 2, 3):
                    by = step if isinstance(value, int) and value != 1 or key.endswith(("Length", "Items")) else step / 4
                    new = value + by * way * (1 if key in MOST else -1)
                    if new >= 0 or key == "minimum":
                        yield put(f"{path}/logicalTypeOptions/{key}", new)


def thresholds(base, looser):
    for path, check in checks(base):
        for key, value in check.items():
            grows = {"mustBeGreaterThan": -1, "mustBeGreaterOrEqualTo": -1, "mustBeLessThan": 1}.get(key)
            if grows:
                for part in (4, 3, 2):
                    by = max(1, value // part) * grows * (1 if looser else -1)
                    if value + by > 0:
                        yield put(f"{path}/{key}", value + by)


def freshness(base, factors):
    for number, level in enumerate(base["slaProperties"]):
        for factor in factors:
            yield put(f"/slaProperties/{number}/value", level["value"] * factor)


def with_enum(base):
    return [(path, column["enum"]) for path, column in columns(base) if "enum" in column]


def each(flag):
    return lambda base: (remove(f"{path}/{flag}") for path, column in columns(base) if column.get(flag))


def off(flag):
    return lambda base: (put(f"{path}/{flag}", False) for path, column in columns(base) if column.get(flag))


def both(*kinds):
    return lambda base: itertools.chain(*(kind(base) for kind in kinds))


def new_column(base):
    for number, table in enumerate(base["schema"]):
        for name, kind in [("note", "string"), ("rank", "integer"), ("seen_on", "date")]:
            column = {"name": name, "logicalType": kind}
            for more in ({}, {"required": True}):
                yield put(f"/schema/{number}/properties/-", {**column, **more})


def key_gone(base):
    for path, column in columns(base):
        if column.get("primaryKey"):
            position = remove(f"{path}/primaryKeyPosition")
            yield remove(f"{path}/primaryKey") + position
            yield put(f"{path}/primaryKey", False) + position
            for more in (put("/description/purpose", "Another"), put("/status", "draft")):
                yield remove(f"{path}/primaryKey") + position + more


# Each kind: how many pairs, and all edits of it to a contract.
KINDS = {
    "column gone": (20, lambda base: (remove(path) for path, column in columns(base) if not column.get("primaryKey"))),
    "logical type changed": (20, lambda base: (
        put(f"{path}/logicalType", OTHER_TYPE[column["logicalType"]]) for path, column in columns(base)
        if not ("logicalTypeOptions" in column and column["logicalType"] == "string")
        and not {"properties", "items"} & column.keys())),
    "physical type changed": (20, lambda base: (put(f"{path}/physicalType", "bytes") for path, _ in columns(base))),
    "physical name changed": (20, lambda base: itertools.chain(
        (put(f"{path}/physicalName", f"{column['name']}_{end}") for path, column in columns(base) if "physicalName" in column
         for end in ("new", "2")),
        (put(f"/schema/{number}/physicalName", f"{table['name']}_{end}") for number, table in enumerate(base["schema"])
         for end in ("new", "v9")))),
    "no longer required": (20, both(each("required"), off("required"))),
    "no longer unique": (20, both(each("unique"), off("unique"))),
    "no longer the key": (20, key_gone),
    "bound looser": (20, lambda base: bounds(base, 1)),
    "bound gone": (20, lambda base: (
        remove(f"{path}/logicalTypeOptions/{key}") for path, column in columns(base)
        for key in column.get("logicalTypeOptions", {}) if key in LEAST + MOST)),
    "pattern gone": (20, lambda base: (
        remove(f"{path}/logicalTypeOptions/pattern") + more for path, column in columns(base)
        if "pattern" in column.get("logicalTypeOptions", {})
        for more in ([], put(f"{path}/description", "Anything goes"), put(f"{path}/classification", "public")))),
    "allowed value added": (20, lambda base: (
        put(f"{path}/enum/-", {"value": value}) for path, _ in with_enum(base) for value in ("other", "unknown", "lost"))),
    "allowed values gone": (20, lambda base: (
        remove(f"{path}/enum") + more for path, _ in with_enum(base)
        for more in ([], put(f"{path}/description", "Any value"), put(f"{path}/classification", "public")))),
    "allowed value removed": (20, lambda base: (
        remove(f"{path}/enum/{at}") for path, values in with_enum(base) for at in range(len(values)))),
    "check gone": (20, lambda base: (
        remove(path) + more for path, _ in checks(base) for more in ([], put("/description/purpose", "Another")))),
    "check looser": (20, lambda base: thresholds(base, True)),
    "freshness looser": (20, lambda base: freshness(base, (2, 3, 4, 5, 6, 8, 10))),
    "table gone": (20, lambda base: (
        remove(f"/schema/{number}") + more for number in range(len(base["schema"]))
        for more in ([], put("/description/purpose", "Another"), put("/status", "draft"), put("/name", "less")))),
    "column added": (10, new_column),
    "bound tighter": (10, lambda base: bounds(base, -1)),
    "check tighter": (10, lambda base: thresholds(base, False)),
    "required from now on": (10, lambda base: (
        put(f"{path}/required", True) for path, column in columns(base) if not column.get("required"))),
    "allowed values in another order": (10, lambda base: (
        put(f"{path}/enum", list(order)) for path, values in with_enum(base)
        for order in itertools.islice(itertools.permutations(values), 1, 3))),
    "words": (10, lambda base: itertools.chain(
        (put(f"{path}/description", "In other words") for path, _ in columns(base)),
        (put(key, value) for key, value in [("/name", "renamed"), ("/description/usage", "Anything"), ("/domain", "other")]))),
}


def patched(document, patch):
    document = copy.deepcopy(document)
    for step in patch:
        *way, last = step["path"].strip("/").split("/")
        node = document
        for key in way:
            node = node[int(key)] if isinstance(node, list) else node[key]
        if isinstance(node, list):
            if step["op"] == "remove":
                node.pop(int(last))
            else:
                node.insert(len(node) if last == "-" else int(last), step["value"])
        elif step["op"] == "remove":
            del node[last]
        else:
            node[last] = step["value"]
    return document


def verdict(folder, before, after):
    paths = [folder / "before.odcs.yaml", folder / "after.odcs.yaml"]
    for path, document in zip(paths, (before, after)):
        path.write_text(yaml.safe_dump(document, sort_keys=False))
    one, other = (DataContract(data_contract_file=str(path)) for path in paths)
    levels = {entry.level.value for entry in one.breaking(other).entries}
    return "breaking" if "error" in levels else "warning" if "warning" in levels else "compatible"


def main():
    draw = random.Random(400)
    every = {kind: [(name, patch) for name, base in BASES.items() for patch in edits(base)]
             for kind, (_, edits) in KINDS.items()}
    for kind, (count, _) in KINDS.items():
        assert len(every[kind]) >= count, f"{kind}: {len(every[kind])} edits"
    with tempfile.TemporaryDirectory() as folder:
        for kind, (count, _) in KINDS.items():
            for name, patch in sorted(draw.sample(every[kind], count), key=json.dumps):
                says = verdict(pathlib.Path(folder), BASES[name], patched(BASES[name], patch))
                print(json.dumps({"kind": kind, "contract": name, "patch": patch, "datacontract": says}))


main()
