"""test/ mirrors the code: a test's folder exists in source/ or extensions/."""

from tools.checks.repository import Finding

NAME = "mirror"
ABOUT = "each test stands where its subject does"

# Folders of test/ that have no counterpart, by design.
OWN = ("fakes", "support", "integration", "e2e", "conformance", "fuzz", "benchmark", "soak", "simulation", "docs")


def check(repository):
    findings = []
    for path in repository.ending("_test.cc", under="test/"):
        folder = path.rsplit("/", 1)[0][len("test/") :]
        top = folder.split("/")[0]
        if top in OWN:
            continue
        candidates = [folder] if top in ("extensions", "tools", "api") else ["source/" + folder]
        if not any(repository.has_folder(candidate) for candidate in candidates):
            findings.append(Finding(path, 1, f"tests {candidates[0]}, which does not exist; test/ mirrors the code path for path"))
    return findings
