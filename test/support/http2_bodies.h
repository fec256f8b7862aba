#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "test/support/http2_peer.h"

namespace weir::test::http2 {

// Sends bodies on many streams of one peer at once, each as its windows allow. The peer remembers
// its frames (Manners::keep_frames), and nobody else sends DATA on it. Not thread-safe.
class BodySender {
 public:
  explicit BodySender(Http2Peer& peer) : peer_(peer) {}

  // Adds to what is to be sent on `stream`.
  void add(uint32_t stream, std::string_view bytes);
  // END_STREAM behind it, on the last DATA or as trailers.
  void end(uint32_t stream, const Fields& trailers = {});
  // Nothing more goes out on it.
  void forget(uint32_t stream) { streams_.erase(stream); }
  bool done(uint32_t stream) const;
  // Sends what can be sent now. Call when frames have come.
  void pump();

 private:
  struct Body {
    std::string bytes;
    size_t at = 0;
    bool ends = false;
    Fields trailers;
  };
  void takeUpdates();
  bool pump(uint32_t stream, Body& body);
  int64_t windowOf(uint32_t stream) const;

  Http2Peer& peer_;
  std::map<uint32_t, Body> streams_;
  std::map<uint32_t, int64_t> given_;  // by WINDOW_UPDATE, minus what was sent; 0: the connection
  size_t frames_seen_ = 0;
};

}  // namespace weir::test::http2
