"""A plug-in begun from a template: real files, copied under another name."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator
from pathlib import Path

from retinue.errors import PluginError
from retinue.hooks import KINDS
from retinue.plugins.names import KEBAB_CASE, is_kebab_case
from retinue.plugins.registry_file import RegistryFile, find_registry_file
from retinue.plugins.selection import judge_plugins

FOLDER = Path(__file__).parent / "templates"

IMPORT_OF_HOOKS = "from retinue.hooks import Register, hookimpl\n"


def write_package(name: str, kind: str, into: Path) -> Path:
    """Write the folder retinue-NAME with a package, its tests and a CI file.

    Raises:
        PluginError: the name is none, or taken; or the folder is there.
    """
    single = _read_single_file(name, kind)
    folder = into / f"retinue-{name}"
    if folder.exists():
        raise PluginError(f"{folder} is there already: another name, or --into another folder")
    for place, text in _list_files(name, kind, single):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_file(name: str, kind: str, into: Path) -> Path:
    """Write a plug-in that is one file.

    Raises:
        PluginError: the name is none, or taken; or the file is there.
    """
    text = _read_single_file(name, kind)
    path = into / f"{_snake(name)}.py"
    into.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise PluginError(f"{path} is there already: another name, or --into another folder") from None
    return path


def _list_files(name: str, kind: str, single: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each file of a package."""
    head, hook = single.split("\n\n\n@hookimpl\n")
    module = KINDS[kind].hook.removeprefix("retinue_")
    package = f"retinue_{_snake(name)}"
    summary, spec = (ast.get_docstring(ast.parse(single)) or "").split("\n\n", 1)
    # In an entry module the target is a text, imported when it is first needed.
    hook = re.sub(r'(register\("[\w-]+", )(\w+)', rf'\1"{package}.{module}:\2"', hook)
    contents = f'"""A table of contents: it imports nothing but hooks."""\n\n{IMPORT_OF_HOOKS}\n\n@hookimpl\n{hook}'
    yield f"src/{package}/plugin.py", contents
    yield f"src/{package}/{module}.py", re.sub(r"\n{4,}", "\n\n\n", head.replace(IMPORT_OF_HOOKS, "")) + "\n"
    for path in sorted((FOLDER / "package").rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace("MY_SUMMARY", summary).replace("MY_SPEC", spec)
            place = path.relative_to(FOLDER / "package").as_posix()
            yield _rename(place, name), _rename(text.replace("my-kind", kind), name)


def _read_single_file(name: str, kind: str) -> str:
    text = (FOLDER / "kinds" / f"{kind}.py").read_text(encoding="utf-8")
    _check_name(name, text)
    return _rename(text, name)


def _rename(text: str, name: str) -> str:
    return text.replace("my-part", name).replace("my_part", _snake(name)).replace("MyPart", _camel(name))


def _check_name(name: str, template: str) -> None:
    if not is_kebab_case(name) or not name[0].isalpha():
        meant = "-".join(re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", name)).lower().lstrip("0123456789-")
        hint = f': did you mean "{meant}"?' if meant else ""
        raise PluginError(f'"{name}" is no name for a plug-in: {KEBAB_CASE}, a letter first{hint}')
    if name.startswith("retinue-"):
        short = name.removeprefix("retinue-")
        raise PluginError(f'"{name}": "retinue-" is put before the name anyway, so write {short}')
    known = judge_plugins(RegistryFile(find_registry_file()))
    taken = next((plugin for plugin in known if plugin.id == name), None)
    if taken:
        raise PluginError(f'there is a plug-in "{name}" already ({taken}): choose another name')
    for identifier in (_snake(name), _camel(name)):
        if keyword.iskeyword(identifier) or re.search(rf"\b{identifier}\b", template):
            raise PluginError(f'"{name}" would be called {identifier} in Python, which means something else there')


def _snake(name: str) -> str:
    return name.replace("-", "_")


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
