#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "source/base/arena.h"
#include "source/base/service_map.h"
#include "source/buffer/buffer.h"
#include "source/http/grpc_semantics.h"
#include "source/http/message.h"
#include "source/http/stream_error.h"
#include "source/http/stream_info.h"
#include "source/network/network_filter.h"

namespace weir::http {

using network::Verdict;

struct ChainOrigin;
class FilterChain;
class RouteFilterConfig;

// What a filter wants to see of a body in one direction; declared at creation, so that the chain
// does the buffering.
enum class BodyMode : uint8_t {
  kNone,    // is not called for it; it passes by
  kStream,  // each piece as it comes; kPause holds the pieces back (bounded: the sender is slowed)
  // One call with the whole body, up to the limit: over it 413 (request) or 500 (response). Before
  // an upgraded or CONNECT tunnel, whose bytes have no end, it is kNone.
  kCollect,
};
struct BodyNeeds {
  BodyMode request = BodyMode::kNone;
  BodyMode response = BodyMode::kNone;
  uint32_t collect_limit_bytes = 1024 * 1024;
};

struct ReplyField {
  std::string_view name;
  std::string_view value;
};

// A reply that Weir makes itself. To a request of gRPC or gRPC-Web it goes out as a response of
// trailers only, with status 200: `grpc_status` (or what `status` means in gRPC), and `body` as the
// message.
struct LocalReply {
  uint16_t status = 500;
  std::string_view body = {};  // copied
  std::string_view content_type = "text/plain";
  ResponseFlag flag = ResponseFlag::kNone;
  std::string_view detail = {};    // static text for the log
  std::string_view location = {};  // adds Location: when not empty (redirects)
  bool close_connection = false;
  std::optional<GrpcStatus> grpc_status = {};
  // Further fields of its head; copied. None that frame a message or belong to a connection.
  std::span<const ReplyField> fields = {};
};

// What a filter may do to its stream. Valid as long as the filter. Worker-confined.
class FilterHandle {
 public:
  FilterHandle(FilterChain& chain, uint32_t index) : chain_(&chain), index_(index) {}

  // Ends a kPause in that direction: what was held goes on to the next filter. Idempotent, also
  // when not paused. Takes effect from inside a call of the filter after that call returns. From
  // elsewhere (a timer) the stream may reach its end, and onStreamEnd be called, before it returns;
  // the filter's memory stays until the current event is over.
  void resumeRequest();
  void resumeResponse();
  // Answers instead of the upstream. The response still passes the response half of the filters
  // before this one (towards the client). After the response has begun, the stream is reset
  // instead; a gRPC response ends with trailers that say why, when its framing has room for them.
  void localReply(const LocalReply& reply);
  // Answers instead of the upstream with a body of any length, in pieces, which also passes the
  // response half of the filters before this one. Three steps:
  // 1. beginAnswer() gives an empty head to fill: status (200 or more), fields and framing. Null:
  //    too late, as a response has left this filter, or somebody nearer to the client answers, or
  //    the stream is over. From here on the upstream's answer is dropped, and what still comes of
  //    the request goes nowhere, as with localReply().
  // 2. answerHead() sends it, in the same event. With HEAD, 204 and 304 it is the end of the answer
  //    whatever `end_stream` says, and its framing stays; else a body of framing kNone goes out
  //    kChunked.
  // 3. answerBody() takes all of `data`, until `end_stream`. When onAnswerBlocked(true) has come,
  // or
  //    comes from inside, stop until onAnswerBlocked(false): what is sent all the same is held in
  //    memory. False: nobody takes the rest (HEAD, a nearer filter has answered, the stream is
  //    over). A body that is not as long as its Content-Length resets the stream.
  // From inside a call of the filter all of it takes effect after that call returns; from elsewhere
  // at once, and the stream may be over, and onStreamEnd() called, before it returns. It can be
  // broken off with reset() or localReply(), which then acts as after a response that has begun.
  // To a gRPC request the answer goes as the filter makes it: it speaks gRPC itself.
  ResponseHead* beginAnswer();
  void answerHead(bool end_stream);
  bool answerBody(buffer::Buffer& data, bool end_stream);
  // The end of an answer whose framing is kChunked. Copied.
  bool answerTrailers(std::span<const ReplyField> fields);
  // The connection takes no further request after this exchange: HTTP/1 closes it, HTTP/2 sends
  // GOAWAY. Until the response's head has gone to the client.
  void closeAfterResponse();
  // Ends the stream abnormally.
  void reset(const StreamError& error);
  // It is this filter that has answered.
  bool answered() const;

  // Replaces what bodyNeeds() said, now that a head tells more: from the call for the request's
  // head for both directions, from that for the response's head for the response; or later, as long
  // as the filter pauses that head.
  void setBodyNeeds(const BodyNeeds& needs);
  // From the call for a head, with kStream: the head waits while the body and the trailers behind
  // it are shown, until resume…() or the end of the message, so that the filter may still change
  // it. What the filter leaves in the buffers goes out behind the head; what it waits for it takes
  // out, and bounds, itself: left there it would slow the sender for good at the chain's watermark.
  void holdRequestHead();
  void holdResponseHead();
  // Body behind what the filter was shown: from the call for a head that said end_stream, which the
  // message then does not end with, or for trailers, before which it goes. Takes all of `data`.
  void addRequestBody(buffer::Buffer& data);
  void addResponseBody(buffer::Buffer& data);
  // Body that goes on at once, before all that waits here: for a filter that takes bytes out and
  // lets them go in its own time (a timer), also while it pauses. From when the head has gone on
  // until the filter has let the body's end go; else `data` is dropped. Takes all of `data`. The
  // stream may reach its end before it returns, as with resume…().
  void passRequestBody(buffer::Buffer& data);
  void passResponseBody(buffer::Buffer& data);

  RequestHead& requestHead();
  ResponseHead& responseHead();
  // For exchanges that the filter begins itself, on the route of this one and through the filters
  // behind it (see onward_exchange.h).
  ChainOrigin origin();
  // Null: they have not come to this filter, or there are none.
  HeaderMap* requestTrailers();
  HeaderMap* responseTrailers();
  StreamInfo& info();
  // Made when first asked for; info() has it for those who only read.
  DynamicMetadata& dynamicMetadata();
  base::Arena& arena();  // lives as long as the stream
  event::Dispatcher& dispatcher();
  buffer::BlockPool& blocks();
  // Forgets the route: it is looked up again, from the changed head, when next needed.
  void clearRouteCache();
  const Route* route();
  // What the route says of this filter: null when nothing, else what the filter's extension has
  // made of it (HttpFilterExtension::compileRoute).
  const RouteFilterConfig* routeConfig();

 private:
  FilterChain* chain_;
  uint32_t index_;
};

// One HTTP filter of one stream. Override what you care for. Requests pass filters in configured
// order, responses in reverse. Lives in the stream's arena. Worker-confined. After onStreamEnd it
// must not call its handle.
class HttpFilter {
 public:
  virtual ~HttpFilter() = default;
  virtual BodyNeeds bodyNeeds() const { return {}; }

  virtual Verdict onRequestHead(RequestHead&, bool /*end_stream*/) { return Verdict::kContinue; }
  // With kCollect, called once with everything (unless the head said end_stream), and
  // onRequestHead's kContinue still holds the head back until then. A known content_length is
  // corrected to what the filter left in the buffer; a streaming filter that changes the length
  // sets the head's framing to kChunked itself, in the call for the head.
  virtual Verdict onRequestBody(buffer::Buffer&, bool /*end_stream*/) { return Verdict::kContinue; }
  // Trailers that a filter empties do not go on: the message ends with its body.
  virtual Verdict onRequestTrailers(HeaderMap&) { return Verdict::kContinue; }

  // An interim response (not 101): cannot be held, kPause drops it.
  virtual Verdict onInformational(ResponseHead&) { return Verdict::kContinue; }
  virtual Verdict onResponseHead(ResponseHead&, bool /*end_stream*/) { return Verdict::kContinue; }
  virtual Verdict onResponseBody(buffer::Buffer&, bool /*end_stream*/) {
    return Verdict::kContinue;
  }
  virtual Verdict onResponseTrailers(HeaderMap&) { return Verdict::kContinue; }

  // Of an answer that the filter has begun: the client, or a filter before this one, cannot take
  // more for now / can again. May come from inside answerHead() and answerBody().
  virtual void onAnswerBlocked(bool /*blocked*/) {}

  // The last call: the exchange is over, well or not. Stop timers and calls here.
  virtual void onStreamEnd() {}

  FilterHandle& handle() { return *handle_; }

 private:
  friend class FilterChain;
  friend class MeteredFilter;  // passes all calls on to another one: a new one goes there too
  FilterHandle* handle_ = nullptr;
};

// Makes the filters of one kind and configuration on one worker. Worker-confined.
class WorkerHttpFilterFactory {
 public:
  virtual ~WorkerHttpFilterFactory() = default;
  // In `arena`: return arena.create<MyFilter>(…). nullptr: no filter for this stream.
  virtual HttpFilter* create(base::Arena& arena) = 0;
};

// What an HTTP filter extension makes of its configuration. Immutable; shared by all workers, which
// bind it.
class HttpFilterFactory {
 public:
  virtual ~HttpFilterFactory() = default;
  virtual std::unique_ptr<WorkerHttpFilterFactory> bind(base::ServiceMap& services) const = 0;
};

}  // namespace weir::http
