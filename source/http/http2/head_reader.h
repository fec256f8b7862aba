#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "source/http/codec.h"
#include "source/http/message.h"
#include "source/http/stream_error.h"

namespace weir::http::http2 {

// Takes the decoded fields of one block into a message, held to RFC 9113 8.2 and 8.3 and to the
// same semantics module as HTTP/1: lower-case names, no connection-specific fields, TE only
// "trailers", pseudo-fields first, each once, none unknown, none in trailers; :path and :authority
// valid, Host not in disagreement with :authority. What goes over a limit is not stored, but the
// block has to be decoded to its end all the same. Copies into the message's arena, each field as
// the line that HTTP/1 writes, all of them in one piece. Worker-confined; reused.
class HeadReader {
 public:
  struct Bounds {
    uint32_t max_bytes = 0;         // names, values and 32 for each field (RFC 9113 10.5.1)
    uint32_t max_fields = 0;        // without pseudo-fields; the crumbs of a Cookie count once
    uint32_t max_target_bytes = 0;  // of :path, else kTargetTooLong; 0: no limit of its own
  };

  // `head` is cleared. What `extended_connect` says was announced to the peer.
  void beginRequest(RequestHead& head, const Bounds& bounds, bool allow_connect,
                    bool extended_connect);
  // `request`: what is answered. Its texts outlive finish().
  struct Asked {
    bool head = false;
    bool connect = false;
    std::string_view upgrade = {};        // by extended CONNECT
    std::string_view websocket_key = {};  // the Sec-WebSocket-Key of the one who asked
  };
  void beginResponse(ResponseHead& head, const Bounds& bounds, const Asked& asked);
  // `trailers` is empty.
  void beginTrailers(HeaderMap& trailers, const Bounds& bounds, ErrorOrigin origin);

  // After the first failure, calls do nothing. `never_indexed`: it came as a literal of that form.
  void field(std::string_view name, std::string_view value, bool never_indexed = false);
  // The block is complete. kNone: the message is filled, framing and all, as codec.h wants it, Host
  // among the headers of a request; an extended CONNECT, and the 2xx that answers one, in its
  // HTTP/1 form (without Sec-WebSocket-Key, which the codec adds; with Sec-WebSocket-Accept for the
  // key that was given). Without end_stream and Content-Length the framing is kChunked; what says
  // that there is no body (HEAD, 204, 304) leaves it to the codec to see that none comes.
  // kHeadTooLarge, kTargetTooLong: over the bounds; the message has what came before.
  // Else malformed.
  StreamError finish(bool end_stream);
  // Over the bounds by count rather than by bytes.
  bool tooManyFields() const { return too_many_fields_; }

 private:
  enum class Kind : uint8_t { kRequest, kResponse, kTrailers };
  enum Pseudo : uint8_t {
    kMethod = 1,
    kScheme = 2,
    kAuthority = 4,
    kPath = 8,
    kProtocol = 16,
    kStatus = 32,
  };

  void begin(Kind kind, HeaderMap& fields, const Bounds& bounds, ErrorOrigin origin);
  void fail(ErrorReason reason, std::string_view detail);
  bool withinBounds(size_t bytes);
  void pseudoField(std::string_view name, std::string_view value);
  bool firstTime(Pseudo which);
  void takePseudo(Pseudo which, std::string_view value, std::string_view& into);
  void regularField(std::string_view name, std::string_view value, bool never_indexed);
  void addCrumb(std::string_view value, bool never_indexed);
  void addLine(HeaderId id, std::string_view name, std::string_view value);
  StreamError finishRequest(bool end_stream);
  StreamError finishResponse(bool end_stream);
  StreamError finishTrailers(bool end_stream);

  static constexpr size_t kKeptCookieBytes = 4096;

  Kind kind_ = Kind::kTrailers;
  ErrorOrigin origin_ = ErrorOrigin::kDownstream;
  bool allow_connect_ = false;
  bool extended_connect_ = false;
  bool regular_seen_ = false;
  bool too_many_fields_ = false;
  uint8_t seen_ = 0;  // a set of Pseudo
  Bounds bounds_;
  uint64_t bytes_ = 0;
  uint32_t count_ = 0;
  RequestHead* request_ = nullptr;
  ResponseHead* response_ = nullptr;
  HeaderMap* fields_ = nullptr;
  Asked asked_;
  StreamError error_;
  std::string cookies_;  // joined, from the second crumb on
};

}  // namespace weir::http::http2
