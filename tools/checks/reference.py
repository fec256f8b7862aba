"""The generated reference says what the messages say."""

import subprocess

from tools.checks.repository import Finding

NAME = "reference"
ABOUT = "docs/configuration.md is what tools/config_reference writes"


def check(repository):
    if not repository.has("tools/config_reference"):
        return []
    done = subprocess.run(["tools/config_reference", "--check"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    said = [line for line in done.stderr.split("\n") if line]
    return [Finding("docs/configuration.md", 1, line) for line in said or ["tools/config_reference --check failed"]]
