#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "test/http/http2/codec_pair.h"
#include "test/support/http2_frames.h"
#include "test/support/http2_hpack.h"

namespace weir::http::http2 {

namespace raw = weir::test::http2;

// Frames that follow each other in `bytes`.
std::vector<raw::Frame> framesOf(std::string_view bytes);

// A server codec in front of a client made of bytes. Worker-confined.
class RawClient {
 public:
  RawClient() = default;
  // Preface, SETTINGS both ways.
  void start(const raw::Settings& settings = {});
  // What the server sends in return, at the end of the turn.
  std::vector<raw::Frame> send(std::string_view bytes);
  std::vector<raw::Frame> receive();
  // HEADERS of a GET or, with an open end, of a POST.
  std::string request(uint32_t stream, bool end_stream = true, const raw::Fields& more = {},
                      std::string_view path = "/");
  // GOAWAY with `code` was sent, and dispatch() or the owner was told.
  bool ended(raw::ErrorCode code) const;
  bool reset(uint32_t stream, raw::ErrorCode code) const;
  uint64_t count(Limit limit) const;

  event::FakeDispatcher dispatcher;
  buffer::BlockPool blocks;
  TestServer server{dispatcher, blocks};
  StreamError error;
  std::vector<raw::Frame> frames;  // all that came
};

// A client codec in front of a server made of bytes. Worker-confined.
class RawServer {
 public:
  void start(const raw::Settings& settings = {});
  std::vector<raw::Frame> send(std::string_view bytes);
  std::vector<raw::Frame> receive();
  // HEADERS with a status.
  static std::string response(uint32_t stream, std::string_view status, bool end_stream,
                              const raw::Fields& more = {});
  bool ended(raw::ErrorCode code) const;

  event::FakeDispatcher dispatcher;
  buffer::BlockPool blocks;
  TestClient client{dispatcher, blocks};
  StreamError error;
  std::vector<raw::Frame> frames;
};

}  // namespace weir::http::http2
