"""Files of rows in YAML: read with the line of each row, and every way of not being one as a sentence."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml


class NotReadable(Exception):
    """The file cannot be read; the text is a sentence that says where and why."""


def text_of(path: Path) -> str:
    """Raises NotReadable."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise NotReadable(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise NotReadable(f"{path} is not UTF-8 text: save it as that.") from None


_NOT_READ = {f"tag:yaml.org,2002:{name}" for name in ("timestamp", "binary", "omap", "pairs", "set")}


class _Loader(yaml.SafeLoader):
    """Dates stay text: the rates' own check reads them, and says what is wrong with one."""

    yaml_constructors = {tag: made for tag, made in yaml.SafeLoader.yaml_constructors.items() if tag not in _NOT_READ}
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_READ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Of a field that is there twice, YAML would keep the last without a word."""
        seen = set()
        for name, _value in node.value:
            if str(name.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name.value} is there twice", name.start_mark)
            seen.add(str(name.value))
        return super().construct_mapping(node, deep)


def parsed(text: str) -> tuple[yaml.MappingNode, dict[Any, Any]] | None:
    """The file as a node, which knows its lines, and as a mapping; None where it is none. Raises NotReadable."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if isinstance(root, yaml.MappingNode):
            return root, loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = f"Line {error.problem_mark.line + 1}" if error.problem_mark else "The file"
        raise NotReadable(f"{line} cannot be read: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        raise NotReadable(f"The file cannot be read: {' '.join(str(error).split())}.") from None
    return None


def lines_of(root: yaml.MappingNode, rows: str) -> list[int]:
    """The line of each of the list ``rows``. The last list counts, as for YAML, where one was merged in."""
    found = next(value for name, value in reversed(root.value) if name.value == rows)
    return [node.start_mark.line + 1 for node in found.value]
