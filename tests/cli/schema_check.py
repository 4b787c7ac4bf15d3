"""Holds YAML files against a JSON Schema: a line "ok FILE" or "bad FILE: why" for each."""
import json
import math
import sys

import jsonschema
import yaml


def plain(node):
    """What JSON can hold: YAML's infinity is the text it is written as."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, float) and math.isinf(node):
        return "inf" if node > 0 else "-inf"
    return node


with open(sys.argv[1]) as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for path in sys.argv[2:]:
    with open(path) as file:
        errors = sorted(validator.iter_errors(plain(yaml.safe_load(file))), key=str)
    if errors:
        place = "/".join(str(step) for step in errors[0].absolute_path)
        print("bad", path + ":", place, errors[0].message.replace("\n", " ")[:120])
    else:
        print("ok", path)
