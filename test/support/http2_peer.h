#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "test/support/http2_frames.h"
#include "test/support/http2_hpack.h"
#include "test/support/raw_connection.h"

namespace weir::test::http2 {

enum class Role { kClient, kServer };

// What came on one stream: a request or a response.
struct Message {
  std::vector<Fields> informational;  // 1xx
  Fields head;                        // empty: none came
  std::string body;
  Fields trailers;
  bool ended = false;  // END_STREAM came
  std::optional<ErrorCode> reset;

  bool over() const { return ended || reset.has_value(); }
  int status() const;                               // 0: none
  std::string header(std::string_view name) const;  // of the head; the first, or ""
  size_t count(std::string_view name) const;
  std::string trailer(std::string_view name) const;
  std::string text() const;  // for messages of tests
};

struct Goaway {
  uint32_t last_stream = 0;
  ErrorCode code{};
  std::string debug;
};

// What a peer does by itself as it reads.
struct Manners {
  bool ack_settings = true;
  bool answer_pings = true;
  bool open_windows = true;  // gives back what DATA took, to stream and connection
  bool keep_frames = true;   // remembers each frame for frames(); DATA without its bytes
};

// Requests as most tests want them.
Fields get(std::string_view path = "/", const Fields& more = {});
Fields post(std::string_view path, const Fields& more = {});

// One end of an HTTP/2 connection, by a parser and a coder that share nothing with the proxy:
// sends any bytes, reads frames, keeps watch over what the other end owes (violations()). Blocking;
// each wait is bounded. Frames are taken in while it waits, and only then.
class Http2Peer {
 public:
  // Nothing is sent before start() or send().
  static Http2Peer connectTo(uint16_t port);
  // The origin's end; `connection` must stay, and nobody else may read it.
  explicit Http2Peer(RawConnection& connection);
  Http2Peer(Role role, base::UniqueFd fd);

  // Preface and SETTINGS, and waits until both sides' SETTINGS are acknowledged. A server waits for
  // the client's preface first. False when it came to nothing.
  bool start(const Settings& settings = {});
  // The same, without waiting for the other end (a server does for the preface).
  bool sendPreface(const Settings& settings = {});

  // All bytes, reading meanwhile so that nobody waits for the other. False when the peer has gone.
  bool send(std::string_view bytes);
  // SETTINGS and WINDOW_UPDATE that it keeps account of; with send() it does not know of them.
  bool sendSettings(const Settings& settings);
  bool openWindow(uint32_t stream, uint32_t bytes);
  // The account alone, for frames that go out otherwise.
  void noteSettings(const Settings& settings) { unacknowledged_.push_back(settings); }
  void noteWindow(uint32_t stream, uint32_t bytes);
  // HEADERS of a new stream; its number.
  uint32_t request(const Fields& fields = get(), bool end_stream = true);
  // A whole response (server).
  bool respond(uint32_t stream, int status, std::string_view body = {}, const Fields& more = {});
  // The number that request() would take.
  uint32_t nextStream() const { return next_stream_; }
  void skipStreams(uint32_t next) { next_stream_ = next; }

  // The next frame that comes, after it was taken account of; nothing at the end of the connection
  // or when none came in time.
  std::optional<Frame> next();
  // Reads frames until `condition` holds. False when the connection or the time ended before.
  template <class Condition>
  bool until(Condition&& condition) {
    const auto end = deadline();
    while (!condition()) {
      if (!step(end)) return false;
    }
    return true;
  }
  // Takes in what has come, without waiting.
  void drain();
  // Reads until the peer closes; false when it did not in time.
  bool readToEnd();
  // Server: waits for the next request's head that was not returned before.
  std::optional<uint32_t> nextRequest();
  // Waits until the message on `stream` is over, or the connection.
  const Message& finish(uint32_t stream);
  const Message& message(uint32_t stream) { return messages_[stream]; }
  // PING and its answer: all sent before was processed. False when there was none.
  bool roundTrip();

  // What RFC 9113 lets an endpoint do about an error. The peer must tell one of `codes`.
  // 5.4.1: GOAWAY, and the connection closes. `or_silently`: also without GOAWAY.
  testing::AssertionResult connectionError(const std::vector<ErrorCode>& codes,
                                           bool or_silently = false);
  // 5.4.2: RST_STREAM; or a connection error, which 5.4.1 always allows.
  testing::AssertionResult streamError(uint32_t stream, const std::vector<ErrorCode>& codes);
  // 8.1.1: a 4xx response, a stream error or a connection error of type PROTOCOL_ERROR.
  testing::AssertionResult refusedAsMalformed(uint32_t stream);
  // A whole response.
  testing::AssertionResult responds(uint32_t stream, int status);
  // The connection still carries requests.
  testing::AssertionResult serves(std::string_view path = "/");

  // What the other end did wrong, one a line; empty is right. Checked of what is received: frame
  // sizes, flags, order, states, windows, HPACK, and messages by section 8.
  const std::string& violations() const { return violations_; }

  const std::vector<Goaway>& goaways() const { return goaways_; }
  const std::vector<Frame>& frames() const { return frames_; }
  size_t count(FrameType type, std::optional<uint32_t> stream = {}) const;
  // Of their SETTINGS; `otherwise` when they said nothing.
  uint32_t theirSetting(Setting id, uint32_t otherwise) const;
  // Their dynamic table as the decoder holds it.
  HpackDecoder& decoder() { return decoder_; }
  // What is left of the windows they gave us.
  int64_t sendWindow() const { return send_window_; }
  bool closed() const { return closed_; }
  int settingsAcks() const { return settings_acks_; }

  Manners manners;
  std::chrono::milliseconds patience{10'000};

  int fd() const { return fd_; }
  void close();
  // Closes with RST.
  void abort();
  void shutdownWrite();
  std::string whatCame() const;  // for messages of tests

 private:
  using Time = std::chrono::steady_clock::time_point;

  Time deadline() const { return std::chrono::steady_clock::now() + patience; }
  bool step(Time end);
  bool fill(Time end);
  bool receive();
  bool readPreface(Time end);
  std::optional<Frame> takeFrame();
  void digest(const Frame& frame);
  void digestData(const Frame& frame);
  void digestBlock(const Frame& frame);
  void digestFields(uint32_t stream, bool end_stream);
  void digestSettings(const Frame& frame);
  void digestWindowUpdate(const Frame& frame);
  void digestGoaway(const Frame& frame);
  void applyOurSettings();
  void checkHeader(const Frame& frame);
  void checkHead(uint32_t stream, const Fields& fields, bool trailers);
  void checkSettings(Setting id, uint32_t value);
  void violation(const std::string& what);

  Role role_;
  base::UniqueFd owned_;
  int fd_ = -1;
  std::string in_;
  size_t in_start_ = 0;
  bool closed_ = false;
  bool reset_by_peer_ = false;

  uint32_t next_stream_;
  std::map<uint32_t, Message> messages_;
  std::vector<uint32_t> requests_;  // heads that came, in order
  size_t requests_given_ = 0;
  std::vector<Goaway> goaways_;
  std::vector<Frame> frames_;
  std::string violations_;
  std::string last_pong_;
  uint64_t pings_ = 0;

  HpackDecoder decoder_;
  std::string block_;  // of the field block that is coming
  uint32_t block_stream_ = 0;
  bool block_open_ = false;
  bool block_ends_stream_ = false;
  bool block_promised_ = false;

  std::vector<Settings> unacknowledged_;
  int settings_acks_ = 0;
  bool their_settings_ = false;
  std::map<Setting, uint32_t> theirs_;
  uint32_t max_frame_size_ = kMinMaxFrameSize;
  int64_t initial_window_ = kDefaultWindow;
  int64_t window_ = kDefaultWindow;           // what they may still send on the connection
  std::map<uint32_t, int64_t> windows_used_;  // by stream: sent minus what we gave
  int64_t send_window_ = kDefaultWindow;
};

}  // namespace weir::test::http2
