"""YAML in which a field stands once."""

from collections.abc import Hashable
from typing import Any

import yaml


class UniqueKeyLoader(yaml.SafeLoader):
    """Of a field that is there twice, YAML would keep the last without a word. Raises yaml.MarkedYAMLError."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for name, _value in node.value:
            if str(name.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name.value} is there twice", name.start_mark)
            seen.add(str(name.value))
        return super().construct_mapping(node, deep)
