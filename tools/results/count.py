"""Counts test cases in the events of `bazel test` runs and ends with `N passed, N failed`.

Arguments are paths without the ending `.json` of what --build_event_json_file wrote, one for each phase. A case is a
<testcase> of a test.xml that belongs to the run. A target that failed in a way its XML does not show (it
crashed, timed out, leaked, did not build) counts as one failed case; skipped cases count as neither. Where there is
a file with the ending `.cut` as well, the phase may do without what it did not come to before its time was up:
that is told, and is no failure.
"""

import dataclasses
import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree


@dataclasses.dataclass
class Tally:
    passed: int = 0
    skipped: int = 0
    failures: list = dataclasses.field(default_factory=list)
    unseen: int = 0  # targets that a phase whose time was up did not come to

    def add(self, other):
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures
        self.unseen += other.unseen


def count_cases(label, text):
    """The tally of one test.xml, and whether it could be read."""
    tally = Tally()
    try:
        root = xml.etree.ElementTree.fromstring(text)
    except xml.etree.ElementTree.ParseError:
        return tally, False
    for case in root.iter("testcase"):
        name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failures.append(f"{label} {name}")
        elif case.find("skipped") is not None or case.get("status") == "notrun" or case.get("result") in ("skipped", "suppressed"):
            tally.skipped += 1
        else:
            tally.passed += 1
    return tally, True


def _path_of(uri):
    return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _count_result(label, result, read):
    """The tally of one run (or shard) of a target."""
    xml_text = ""
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml":
            xml_text = read(_path_of(output.get("uri", "")))
    tally, readable = count_cases(label, xml_text)
    status = result.get("status", "NO_STATUS")
    if status != "PASSED" and status != "FLAKY":
        if status == "TIMEOUT" or not tally.failures:
            tally.failures.append(f"{label} ({status.lower().replace('_', ' ')})")
    elif not readable:
        tally.failures.append(f"{label} (passed, but its test.xml cannot be read)")
    return tally


_INTERRUPTED = 8


def count_events(lines, read=_read, cut=False):
    """The tally of one `bazel test` run, from the lines of its event file; `cut`: it may have been interrupted."""
    results = {}
    broken = {}
    unseen = set()
    finished = False
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # A run that was killed leaves half a line.
        kind = event.get("id", {})
        if "testResult" in event:
            key = kind["testResult"]
            attempt = (key["label"], key.get("run", 1), key.get("shard", 1))
            results[attempt] = event["testResult"]  # The last attempt is what counts.
        elif "testResult" in kind and "aborted" in event:
            unseen.add(kind["testResult"]["label"])
        elif "targetCompleted" in kind and not event.get("completed", {}).get("success"):
            reason = event.get("aborted", {}).get("reason", "")
            if reason == "USER_INTERRUPTED":
                unseen.add(kind["targetCompleted"]["label"])
            elif reason != "SKIPPED":
                broken[kind["targetCompleted"]["label"]] = "did not build"
        elif "aborted" in event and ("pattern" in kind or "unconfiguredLabel" in kind):
            named = kind.get("unconfiguredLabel", {}).get("label") or " ".join(kind.get("pattern", {}).get("pattern", []))
            broken[named] = event["aborted"].get("description", "could not be loaded").split("\n")[0]
        elif "finished" in event:
            # 0 success, 3 tests failed, 4 no tests found, 1 build failed (its targets are in `broken`).
            code = event["finished"].get("exitCode", {}).get("code", 0)
            finished = code in (0, 1, 3, 4) or (cut and code == _INTERRUPTED)
    tally = Tally()
    for (label, _, _), result in sorted(results.items()):
        tally.add(_count_result(label, result, read))
    tested = {label for label, _, _ in results}
    if cut:
        tally.unseen = len(unseen - tested)
    else:
        broken.update((label, "interrupted") for label in unseen)
    for label, reason in sorted(broken.items()):
        if label not in tested:
            tally.failures.append(f"{label} ({reason})")
    if not finished and not tally.failures:
        tally.failures.append("bazel (ended before its work was done; see its message above)")
    return tally


def main(arguments):
    total = Tally()
    for argument in arguments:
        path = argument + ".json"
        tally = count_events(_read(path).splitlines(), cut=os.path.exists(argument + ".cut"))
        skipped = f", {tally.skipped} skipped" if tally.skipped else ""
        unseen = f"; time was up before {tally.unseen} targets" if tally.unseen else ""
        print(f"{os.path.basename(argument)}: {tally.passed} passed, {len(tally.failures)} failed{skipped}{unseen}")
        for failure in tally.failures:
            print(f"  failed: {failure}")
        total.add(tally)
    if total.passed == 0 and not total.failures:
        print("no test case ran; check the patterns")
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return 0 if total.passed > 0 and not total.failures else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
