#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/http2_frames.h"
#include "test/support/http2_hpack.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {

// Speaks HTTP/2 on the connections that a TestOrigin accepts, without blocking. Acknowledges
// SETTINGS; all else is for the test to say. Numbers count connections from 0.
class TestHttp2Origin {
 public:
  explicit TestHttp2Origin(TestOrigin& origin) : origin_(origin) {}

  // What it says when the client's preface has come; nothing when it is to stay silent.
  std::string greeting = test::http2::settings();
  bool answers_pings = true;

  // Takes in what has come on all connections.
  void pump();
  size_t connections() { return pump(), connections_.size(); }
  // Streams on which a request has come and was not answered, reset or cancelled.
  const std::vector<uint32_t>& open(size_t number) { return at(number).open; }
  size_t openOfAll();
  size_t mostOpen(size_t number) { return at(number).most_open; }
  bool goaway(size_t number) { return at(number).goaway; }
  size_t pings(size_t number) { return at(number).pings; }
  bool settled(size_t number) { return at(number).settings_acks > 0; }
  int settingsAcks(size_t number) { return at(number).settings_acks; }

  void send(size_t number, std::string_view bytes) { origin_.send(number, bytes); }
  void answer(size_t number, uint32_t stream);  // 200, "ok"
  void answerAll();                             // what is open
  void reset(size_t number, uint32_t stream, test::http2::ErrorCode code);
  void goaway(size_t number, uint32_t last_stream) {
    send(number, test::http2::goaway(last_stream, test::http2::ErrorCode::kNoError));
  }

 private:
  struct Connection {
    std::string in;
    bool greeted = false;
    bool goaway = false;
    int settings_acks = 0;
    size_t pings = 0;
    size_t most_open = 0;
    std::vector<uint32_t> open;
  };
  Connection& at(size_t number);
  void digest(size_t number, Connection& connection);
  static void close(Connection& connection, uint32_t stream);

  TestOrigin& origin_;
  std::deque<Connection> connections_;
};

}  // namespace weir::upstream
