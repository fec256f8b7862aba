"""Makes the files of a new extension from tools/templates/: the work behind tools/new_extension.

A template's `@word@` is replaced by the value of that word. What differs between categories is in
tools/templates/<category>/: values.txt (`word = value`), example.in (a whole configuration with the extension at
@EXTENSION@) and the files of the extension; what does not is in tools/templates/common/.
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Template -> the file it becomes.
FILES = {
    "common/extension.BUILD.bazel.in": "extensions/@category@/@name@/BUILD.bazel",
    "common/config.h.in": "extensions/@category@/@name@/config.h",
    "@category@/config.cc.in": "extensions/@category@/@name@/config.cc",
    "@category@/behaviour.h.in": "extensions/@category@/@name@/@name@.h",
    "@category@/behaviour.cc.in": "extensions/@category@/@name@/@name@.cc",
    "common/proto.BUILD.bazel.in": "api/weir/extensions/@category@/@name@/v1/BUILD.bazel",
    "@category@/proto.in": "api/weir/extensions/@category@/@name@/v1/@name@.proto",
    "common/test.BUILD.bazel.in": "test/extensions/@category@/@name@/BUILD.bazel",
    "@category@/behaviour_test.cc.in": "test/extensions/@category@/@name@/@name@_test.cc",
    "common/config_test.cc.in": "test/extensions/@category@/@name@/config_test.cc",
    "common/page.md.in": "docs/extensions/@category@/@name@.md",
}

LIST = "extensions/all_extensions.cc"
LIST_BUILD = "extensions/BUILD.bazel"


class Refused(Exception):
    """The request cannot be met; the text says why and what would be right."""


def categories():
    """The categories that have templates."""
    return sorted(name for name in os.listdir(HERE) if os.path.isfile(os.path.join(HERE, name, "values.txt")))


def pascal(name):
    return "".join(part.capitalize() for part in name.split("_"))


def _template(path):
    with open(os.path.join(HERE, path), encoding="utf-8") as file:
        return file.read()


def _fill(text, values):
    def value_of(match):
        if match.group(1) not in values:
            raise KeyError(f"a template uses @{match.group(1)}@, which has no value")
        return values[match.group(1)]

    return re.sub(r"@([\w-]+)@", value_of, text)


def values_for(category, name):
    values = {"category": category, "name": name, "Name": pascal(name), "dash-name": name.replace("_", "-")}
    for line in _template(f"{category}/values.txt").splitlines():
        word, _, value = line.partition(" = ")
        values[word] = _fill(value, values)
    # In the test the extension is a parameter; on the page it stands in the example.
    example = _template(f"{category}/example.in").strip()
    values["before"], values["after"] = example.split("@EXTENSION@")
    values["example"] = example.replace("@EXTENSION@", f"[{category}/{name}] {{ {values['good']} }}")
    return values


def render(category, name):
    """Path -> text of the new files."""
    if category not in categories():
        raise Refused(f"there are no templates for {category!r}; there are for: {', '.join(categories())}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name == "common":
        raise Refused(f"{name!r} is not a name for an extension; use lower_case words, for example request_size")
    values = values_for(category, name)
    return {
        _fill(target, values): _fill(_template(_fill(template, values)), values)
        for template, target in FILES.items()
    }


def _insert_sorted(lines, new, pattern, key):
    """Puts `new` among the lines that match `pattern`, in order of `key`; they must be there."""
    places = [index for index, line in enumerate(lines) if re.search(pattern, line)]
    if not places:
        raise Refused(f"found no line like {new.strip()!r} to put it beside")
    after = [index for index in places if key(lines[index]) < key(new)]
    lines.insert(after[-1] + 1 if after else places[0], new)


def list_extension(text, category, name):
    """The text of all_extensions.cc with the extension in it."""
    lines = text.split("\n")
    _insert_sorted(lines, f'#include "extensions/{category}/{name}/config.h"', r'^#include "extensions/\w+/\w+/config\.h"', str)
    _insert_sorted(
        lines,
        f"  add(std::make_unique<{category}::{name}::{pascal(name)}Extension>());",
        r"^\s*add\(std::make_unique<",
        lambda line: line.replace("weir::", "").replace("extensions::", ""),
    )
    return "\n".join(lines)


def list_dependency(text, category, name):
    """The text of extensions/BUILD.bazel with the extension among the dependencies of the list."""
    lines = text.split("\n")
    _insert_sorted(lines, f'        "//extensions/{category}/{name}:config",', r'^\s*"//extensions/\w+/\w+:config",', str)
    return "\n".join(lines)


def _read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def _write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def generate(root, category, name):
    """Writes the extension into the tree at `root`; returns the paths it made or changed."""
    files = render(category, name)
    there = [path for path in files if os.path.exists(os.path.join(root, path))]
    if there:
        raise Refused(f"{there[0]} exists already; choose another name, or remove it")
    files[LIST] = list_extension(_read(root, LIST), category, name)
    files[LIST_BUILD] = list_dependency(_read(root, LIST_BUILD), category, name)
    for path, text in files.items():
        _write(root, path, text)
    sources = [path for path in files if path.endswith((".h", ".cc"))]
    subprocess.run(["clang-format", "-i", *sources], cwd=root, check=True)
    return sorted(files)


def main(arguments):
    if len(arguments) != 2 or arguments[0].startswith("-"):
        print(f"usage: tools/new_extension CATEGORY NAME\n\ncategories: {', '.join(categories())}")
        return 0 if arguments in (["--help"], ["-h"]) else 2
    category, name = arguments
    try:
        paths = generate(os.getcwd(), category, name)
    except Refused as reason:
        print(f"new_extension: {reason}", file=sys.stderr)
        return 2
    print("\n".join(paths))
    print(f"\nIt compiles as it is: tools/test //test/extensions/{category}/{name}/...")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
