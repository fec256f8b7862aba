// What one codec has read another one writes: lines that came in the usual form go on as they are,
// in runs; what a filter or the wire did differently is composed anew.
#include <random>
#include <string>

#include "gtest/gtest.h"

#include "test/http/http1/recording.h"

namespace weir::http::http1 {
namespace {

// The head that `server` has read, as a client codec sends it on.
std::string forwarded(const RecordingServer& server) {
  RecordingClient client;
  client.encoder = &client.codec->newStream(client);
  client.encoder->encodeHead(server.head, true);
  return client.output.take();
}

TEST(ForwardingTest, ComposesOnlyWhatDiffers) {
  RecordingServer server;
  ASSERT_EQ(server
                .feed("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nKeep-Alive: x\r\nB:2\r\nC:  3 \r\n"
                      "D: 4\t\r\nE: \r\nF:\r\nG: 5\r\nX: 6\r\nH: 7\r\nI: 8\r\n\r\n")
                .detail(),
            "");
  server.head.headers.set("G", "five");
  server.head.headers.remove("X");
  server.head.headers.add("J", "9");
  EXPECT_EQ(forwarded(server),
            "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: \r\nF: \r\n"
            "G: five\r\nH: 7\r\nI: 8\r\nJ: 9\r\n\r\n");
}

TEST(ForwardingPropertyTest, WritesWhatComposingEachFieldWrites) {
  std::mt19937 random(5);
  constexpr std::string_view kSpaces[] = {" ", " ", " ", "", "\t", "  ", " \t"};
  constexpr std::string_view kEnds[] = {"", "", "", " ", "\t "};
  constexpr std::string_view kNames[] = {"A", "Accept", "x-long-name-of-a-field", "Upgrade", "Via"};
  constexpr std::string_view kValues[] = {"", "1", "a value with spaces", "b: c"};
  const auto oneOf = [&](const auto& choices) { return choices[random() % std::size(choices)]; };
  for (int i = 0; i < 2000; ++i) {
    std::string wire = "GET / HTTP/1.1\r\nHost: a\r\n";
    std::string expected = wire;
    for (size_t left = random() % 9; left > 0; --left) {
      const std::string name(oneOf(kNames));
      const std::string value(oneOf(kValues));
      wire += name + ":" + std::string(oneOf(kSpaces)) + value + std::string(oneOf(kEnds)) + "\r\n";
      if (name != "Upgrade") expected += name + ": " + value + "\r\n";
    }
    RecordingServer server;
    ASSERT_EQ(server.feed(wire + "\r\n").detail(), "") << wire;
    server.head.upgrade = {};
    ASSERT_EQ(forwarded(server), expected + "\r\n") << wire;
  }
}

}  // namespace
}  // namespace weir::http::http1
