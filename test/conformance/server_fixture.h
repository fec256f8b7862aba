#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/http2_peer.h"

// The server side of HTTP/2 under test: Weir with a connection manager on a cleartext port, in
// front of an HTTP/1 origin; one for all tests of the binary. With WEIR_CONFORMANCE_PORT in the
// environment it is whatever serves HTTP/2 on that port of loopback.
namespace weir::conformance {

using test::http2::ErrorCode;
using test::http2::Fields;
using test::http2::FrameType;
using test::http2::Http2Peer;
using test::http2::Message;
using test::http2::Setting;
using test::http2::Settings;

// GET gives so many bytes; all other paths give the request as text (ScriptedOrigin::echoing).
constexpr std::string_view kLargePath = "/large";
constexpr size_t kLargeBytes = 300'000;
// 103 first, trailers behind, 204.
constexpr std::string_view kInterimPath = "/interim";
constexpr std::string_view kTrailersPath = "/trailers-behind";
constexpr std::string_view kNoContentPath = "/no-content";

class ServerTest : public ::testing::Test {
 protected:
  static uint16_t port();
  // Connected, settings exchanged.
  static Http2Peer connect(const Settings& settings = {});
  // How many requests for this path came to the origin.
  static int reached(std::string_view path);
  // False for an outside server, of which only HTTP/2 itself can be asked.
  static bool testsWeir();

  // Stream 1 with a response that waits for a window: half-closed (remote) for the server.
  static Http2Peer withHeldResponse();
};

// What stream 1 is before the bytes of a rule are sent.
enum class Before {
  kIdle,        // nothing was sent on it; the bytes may open it
  kOpen,        // a request whose body is to come
  kHalfClosed,  // a whole request, its response held back by the window
  kClosed,      // a whole exchange
};

enum class Outcome {
  kIgnored,          // the stream and the connection go on as if nothing had come
  kServed,           // a 200 on stream 1
  kConnectionError,  // one of the codes
  kStreamError,      // on stream 1, one of the codes; or the connection error that 5.4.1 allows
  kMalformed,        // 8.1.1, and the origin never sees a request
  kLate,             // frames on a closed stream: 5.1 lets one ignore them, or end the connection
};

// One sentence of the RFC: after `before`, `bytes` lead to `outcome`. Tests are named after it.
struct Rule {
  const char* name;
  Before before;
  std::string bytes;
  Outcome outcome;
  std::vector<ErrorCode> codes = {};
};
void PrintTo(const Rule& rule, std::ostream* out);

// The path of requests that must never reach the origin.
constexpr std::string_view kForbiddenPath = "/forbidden";

class ServerRule : public ServerTest, public ::testing::WithParamInterface<Rule> {
 public:
  static std::string nameOf(const ::testing::TestParamInfo<Rule>& info) { return info.param.name; }

 protected:
  static Http2Peer prepared(Before before);
  static void expectOutcome(Http2Peer& peer, const Rule& rule);
};

}  // namespace weir::conformance
