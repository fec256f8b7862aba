// What people read when a configuration is wrong: each broken file with every line of the answer.
// Here the text itself; the other *_messages_test.cc have what is in it.

#include "test/config/messages.h"

namespace weir::config {
namespace {

TEST(Messages, AGoodFileHasNone) {
  EXPECT_EQ(findings(withRoute("route { cluster: \"web\" }")), "");
}

TEST(Messages, UnknownField) {
  EXPECT_EQ(findings(withCluster("name: \"c\" endpoints { addres: \"10.0.0.1:80\" }")),
            "w.textproto:3:23: clusters[0].endpoints[0].addres: Endpoint has no field \"addres\"; "
            "did you mean \"address\"? known: address, weight, id, priority, locality, metadata, "
            "max_connections, max_requests, state\n");
}

TEST(Messages, UnknownFieldIsSkippedWithItsValue) {
  EXPECT_EQ(
      findings("admin { address: \"127.0.0.1:1\" }\n"
               "a: 1 b { c: [1, 2] } d < e: \"}\" > f: -inf g: [{ x: 1 }]\nh: \"x\" 'y'"),
      "w.textproto:2:1: a: Config has no field \"a\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:6: b: Config has no field \"b\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:22: d: Config has no field \"d\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:35: f: Config has no field \"f\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:43: g: Config has no field \"g\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:3:1: h: Config has no field \"h\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n");
}

TEST(Messages, UnknownEnumValue) {
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\" }\nruntime { log { level: LEVEL_WARN } }"),
            "w.textproto:2:24: runtime.log.level: there is no Level LEVEL_WARN; did you mean "
            "\"LEVEL_WARNING\"? known: LEVEL_TRACE, LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, "
            "LEVEL_ERROR, LEVEL_OFF\n");
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\" }\nruntime { log { level: debug } }"),
            "w.textproto:2:24: runtime.log.level: there is no Level debug; did you mean "
            "\"LEVEL_DEBUG\"? known: LEVEL_TRACE, LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, "
            "LEVEL_ERROR, LEVEL_OFF\n");
}

TEST(Messages, WrongTypes) {
  EXPECT_EQ(
      findings(withCluster("name: web\n"
                           "endpoints { address: 80 weight: \"3\" }\n"
                           "connect_timeout: \"5s\"\n"
                           "max_connections: -1\n"
                           "max_pending_requests: 5000000000\n"
                           "idle_timeout { seconds: true }")),
      "w.textproto:3:7: clusters[0].name: expected text, found web; write it in quotes: "
      "name: \"web\"\n"
      "w.textproto:4:22: clusters[0].endpoints[0].address: expected text, found 80; write it in "
      "quotes: address: \"80\"\n"
      "w.textproto:4:33: clusters[0].endpoints[0].weight: expected an integer, found \"3\"\n"
      "w.textproto:5:18: clusters[0].connect_timeout: is a message, found \"5s\"; write "
      "connect_timeout { seconds: 5 }\n"
      "w.textproto:6:18: clusters[0].max_connections: -1 is out of range; it must be 0 to "
      "4294967295\n"
      "w.textproto:7:23: clusters[0].max_pending_requests: 5000000000 is out of range; it must be "
      "0 to 4294967295\n"
      "w.textproto:8:25: clusters[0].idle_timeout.seconds: expected an integer, found true\n");
}

TEST(Messages, GivenTwice) {
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\"\n address: \"127.0.0.1:2\" }"),
            "w.textproto:2:2: admin.address: is given twice; the first is at line 1\n");
  EXPECT_EQ(findings(withRoute("match { prefix: \"/\" path: \"/\" } route { cluster: \"web\" }")),
            base::concat("w.textproto:3:21: ", kRoute,
                         ".match.path: cannot stand beside \"prefix\"; give only one of them\n"));
}

TEST(Messages, LostStructureEndsTheReading) {
  EXPECT_EQ(findings("listeners {\n  name: \"a\"\n"),
            "w.textproto:3:1: listeners[0]: the file ends within a message; close what was opened "
            "at line 1 with }\n");
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\" }\n}\n"),
            "w.textproto:2:1: expected a field's name, found }; a closing brace too many?\n");
  EXPECT_EQ(findings("admin { address \"127.0.0.1:1\" }"),
            "w.textproto:1:17: admin: expected \":\" after address, found \"127.0.0.1:1\"; write "
            "address: VALUE\n");
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1 }\n }"),
            "w.textproto:1:32: String literals cannot cross line boundaries\n");
}

TEST(Messages, FindingsBeforeLostStructureAreKept) {
  EXPECT_EQ(findings("admn { }\nclusters: ]"),
            "w.textproto:1:1: admn: Config has no field \"admn\"; did you mean \"admin\"? known: "
            "listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
            "w.textproto:2:11: expected a value, found ]\n");
}

// --- what follows from a mistake is not told again ----------------------------------------------

TEST(Messages, ConsequencesAreNotReported) {
  // The cluster has no name because the field is misspelt: neither that nor its user is told.
  EXPECT_EQ(
      findings(base::concat(withRoute("route { cluster: \"new\" }"),
                            "\nclusters { nane: \"new\" endpoints { address: \"10.0.0.1:1\" } }")),
      "w.textproto:8:12: clusters[2].nane: Cluster has no field \"nane\"; did you mean "
      "\"name\"?\n");
}

TEST(Messages, FilesThatCannotBeRead) {
  const auto registry = fakeRegistry();
  stats::Store store;
  Loader loader(*registry, store);
  Diagnostics diagnostics;
  EXPECT_EQ(loader.loadFile("no/such/file", 1, diagnostics), nullptr);
  EXPECT_EQ(loader.loadFile("/", 1, diagnostics), nullptr);
  EXPECT_EQ(diagnostics.toString(),
            "/: is a folder\nno/such/file: cannot be opened: No such file or directory\n");
}

}  // namespace
}  // namespace weir::config
