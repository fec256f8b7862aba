"""tools/config_reference, on a small tree of its own."""

import importlib.machinery
import importlib.util
import pathlib
import tempfile
import unittest

LOADER = importlib.machinery.SourceFileLoader("config_reference", "tools/config_reference")
SPEC = importlib.util.spec_from_loader(LOADER.name, LOADER)

CORE = """syntax = "proto3";
package weir.config.v1;
import "google/protobuf/duration.proto";
// The whole. Written like
//   name: "x"
// or not.
message Config {
  // How loud.
  enum Level {
    // Not said.
    LEVEL_UNSPECIFIED = 0;
    LEVEL_HIGH = 1;
  }
  // Required. <b> | pipe.
  string name = 1;
  // Time.
  google.protobuf.Duration timeout = 2;
  // Which.
  Level level = 3;
  // Exactly one.
  oneof kind {
    // One way.
    bool one = 4;
    // The other.
    Other other = 5;
  }
  // Labels.
  map<string, uint32> labels = 6;
  // Many.
  repeated string many = 7;
}
// Another.
message Other {}
"""

EXTENSION = """syntax = "proto3";
package weir.extensions.http_filters.tag.v1;
// Tags.
message Tag {
  // Of the tag. At most 5.
  optional uint32 size = 1;
}
// Same short name as the other.
message Config {
  string silent = 1;
}
"""


class ConfigReference(unittest.TestCase):
    def setUp(self):
        self.module = importlib.util.module_from_spec(SPEC)
        LOADER.exec_module(self.module)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.module.ROOT = self.root
        self.write("docs/examples/minimal.textproto", "# small\n")
        self.write("api/weir/config/v1/config.proto", CORE)
        self.write("api/weir/extensions/http_filters/tag/v1/tag.proto", EXTENSION)
        self.files = self.module.load()

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def test_rows(self):
        page = self.module.page(self.files)
        for row in (
            "| `name` | string | Required. &lt;b> \\| pipe. |",
            "| `timeout` | duration | Time. |",
            "| `level` | enum Config.Level | Which. |",
            "| `one` | bool | One way. Not together with `other`. Exactly one. |",
            "| `other` | [Other](#other) | The other. Not together with `one`. Exactly one. |",
            "| `labels` | map of string to uint32 | Labels. |",
            "| `many` | repeated string | Many. |",
            "| `size` | uint32 | Of the tag. At most 5. |",
        ):
            self.assertIn(row + "\n", page)

    def test_sections(self):
        page = self.module.page(self.files)
        self.assertIn('The whole. Written like\n\n```\nname: "x"\n```\n\nor not.\n', page)
        self.assertIn("`Config.Level`:\n\n- `LEVEL_UNSPECIFIED`: Not said.\n- `LEVEL_HIGH`\n", page)
        self.assertIn("## Extensions: http_filters\n", page)
        self.assertIn("`[http_filters/tag]`, in full `[type.googleapis.com/weir.extensions.http_filters.tag.v1.Tag]`", page)
        self.assertIn("### tag.Config\n", page)
        self.assertIn("```textproto\n# small\n```\n", page)

    def test_what_has_no_comment_is_named(self):
        self.assertEqual(
            list(self.module.undocumented(self.files)),
            ["api/weir/extensions/http_filters/tag/v1/tag.proto: Config.silent has no comment"],
        )

    def test_wire_format(self):
        data = bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69, 0x08, 0x07, 0x19]) + bytes(8)
        self.assertEqual(self.module.decode(data), {1: [150, 7], 2: [b"hi"], 3: [bytes(8)]})


if __name__ == "__main__":
    unittest.main()
