#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/http2_peer.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

// The client side of HTTP/2 under test: Weir with a cluster that is spoken to in HTTP/2, and an
// origin that is down to the bits of its frames what the test says. The clients in front speak
// HTTP/1, unless the test says otherwise.
namespace weir::conformance {

using test::RawConnection;
using test::RawMessage;
using test::http2::ErrorCode;
using test::http2::Fields;
using test::http2::FrameType;
using test::http2::Http2Peer;
using test::http2::Message;
using test::http2::Setting;
using test::http2::Settings;

class ClientTest : public ::testing::Test {
 protected:
  // Runs for each connection that Weir opens, `number` from 0; nothing was read or sent before. The
  // connection closes when it returns. On a thread of its own: EXPECT only.
  using Script = std::function<void(Http2Peer& peer, int number)>;
  // `cluster`, `manager`: more of their configuration.
  void start(Script script, std::string_view cluster = {}, std::string_view manager = {});
  // Waits until the script of the first connection has returned. Before the proxy ends, or its end
  // is what the script sees.
  void waitForScript();
  // Ends proxy and origin: what the scripts wrote may be read now.
  void stop();

  RawConnection client();
  // The final response to a GET.
  RawMessage ask(std::string_view path = "/");
  RawMessage exchange(std::string_view request);
  Http2Peer http2Client();
  test::InProcessProxy& proxy() { return *proxy_; }

  // Answers every request with 200, until the connection ends.
  static void serve(Http2Peer& peer);

  void TearDown() override { stop(); }

 private:
  Script script_;
  std::promise<void> first_ended_;
  std::unique_ptr<test::ScriptedOrigin> origin_;
  std::unique_ptr<test::InProcessProxy> proxy_;
};

enum class Answer {
  kDelivered,  // the client gets a whole 200
  kRefused,    // 502; or, when its head was right, a message that breaks off
};
enum class Reaction {
  kNone,         // the connection goes on
  kStreamError,  // on stream 1; or the connection error that 5.4.1 allows
  kConnectionError,
};

// One sentence of the RFC: the origin answers the first request, on stream 1, with `bytes`.
struct AnswerRule {
  const char* name;
  std::string bytes;
  Answer answer;
  Reaction reaction;
  std::vector<ErrorCode> codes = {};
};
void PrintTo(const AnswerRule& rule, std::ostream* out);

class ClientRule : public ClientTest, public ::testing::WithParamInterface<AnswerRule> {
 public:
  static std::string nameOf(const ::testing::TestParamInfo<AnswerRule>& info) {
    return info.param.name;
  }
};

}  // namespace weir::conformance
