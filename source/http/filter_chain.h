#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "source/base/arena.h"
#include "source/http/chain_origin.h"
#include "source/http/filter.h"

namespace weir::network {
class Connection;
}

namespace weir::http {

// The end of the chain that the request runs into: the router. It answers through the chain's
// respond… calls. Lives in the stream's arena. Worker-confined.
class Terminal {
 public:
  virtual void onRequestHead(RequestHead& head, bool end_stream) = 0;
  // Take all of `data`, by reference.
  virtual void onRequestBody(buffer::Buffer& data, bool end_stream) = 0;
  virtual void onRequestTrailers(HeaderMap& trailers) = 0;
  // The client cannot take more for now / can again: slow the source of the response.
  virtual void onResponseBlocked(bool blocked) = 0;
  // The last call, also after a complete exchange: nothing may be sent any more. It may come from
  // inside any of the terminal's calls on the chain. The memory stays until the current event is
  // over, so the terminal may destroy itself here (no frame of it on the stack) or on its way out.
  virtual void onStreamEnd() = 0;

 protected:
  ~Terminal() = default;
};

// The near end of the chain: what is sent to the client (or, in a chain on the upstream side, to
// the router). Worker-confined.
class ResponseSink {
 public:
  virtual void sendInformational(ResponseHead& head) = 0;
  virtual void sendHead(ResponseHead& head, bool end_stream) = 0;
  virtual void sendBody(buffer::Buffer& data, bool end_stream) = 0;
  virtual void sendTrailers(HeaderMap& trailers) = 0;
  virtual void sendReset(const StreamError& error) = 0;
  // The chain or terminal holds as much request body as it may: stop reading it / go on.
  virtual void setRequestReadEnabled(bool enabled) = 0;
  virtual void clearRouteCache() = 0;
  virtual const Route* resolveRoute() = 0;
  // What the chain was made of; without a source: nothing can be begun there.
  virtual ChainOrigin origin();
  // See FilterChain::restartRequest().
  virtual bool mayRestartRequest() const { return false; }
  virtual void restartRequest(buffer::Buffer& /*body*/) {}
  // What the terminal answers for itself, or breaks the answer off for: before it does.
  virtual void onTerminalFailure(const StreamError& /*error*/) {}

  // Bulk transfer past the chain, see FilterChain::beginRawResponseBody.
  virtual network::Connection* beginRawResponseBody(uint64_t /*bytes*/) { return nullptr; }
  virtual void rawResponseBodyProgress(uint64_t /*bytes*/) {}
  virtual void finishRawResponseBody() {}

 protected:
  ~ResponseSink() = default;
};

// What a chain works on; owned by the stream and outliving the chain's use of it.
struct FilterChainContext {
  RequestHead& request;
  ResponseHead& response;
  HeaderMap& request_trailers;
  HeaderMap& response_trailers;
  StreamInfo& info;
  base::Arena& arena;
  event::Dispatcher& dispatcher;
  buffer::BlockPool& blocks;
};

// Runs the filters of one stream: verdicts, buffering, limits, backpressure, local replies. Knows
// no connection and no codec. Used downstream and upstream alike. Worker-confined; reusable after
// clear(). Without filters every call is one call of the terminal or the sink.
//
// How a half (request or response) of a filter works: what arrives is shown to the filter in order,
// head, body, trailers, and passed on in that order once the filter has continued. While it pauses
// nothing more is shown to it; what arrives is held. A collecting filter sees the head at once and
// the body as a whole; the head goes on after that.
class FilterChain {
 public:
  // Bytes held in one direction for paused filters before the sender is slowed; it goes on when
  // half of that is left. What a collecting filter waits for does not count: it has its own limit.
  static constexpr size_t kHighWatermarkBytes = 256 * 1024;

  FilterChain(const FilterChainContext& context, ResponseSink& sink);
  ~FilterChain();
  FilterChain(const FilterChain&) = delete;
  FilterChain& operator=(const FilterChain&) = delete;

  // Before the first call. Filters in request order; terminal last. The chain runs the filter's
  // destructor in clear(). `position`: as routes know it (RouteFilter).
  void addFilter(HttpFilter& filter, uint32_t position = 0);
  // Routes may disable filters: each is asked for before the request's head comes to a filter.
  void askRouteForFilters() { routes_set_filters_ = true; }
  void setTerminal(Terminal& terminal) { terminal_ = &terminal; }
  // After end(), with no frame of filter or terminal on the stack: destroys the filters, drops what
  // is held, ready for another exchange. Before the arena is cleared.
  void clear();

  // From the client side.
  void requestHead(bool end_stream);
  void requestBody(buffer::Buffer& data, bool end_stream);
  void requestTrailers();
  void responseBlocked(bool blocked);
  // Answers past the filters, straight to the sink (a timeout, a body over the limit), and drops
  // the rest of the request; after the response head has gone out, as FilterHandle::localReply.
  void replyAtOnce(const LocalReply& reply);
  // Ends everything; filters and terminal get onStreamEnd. Idempotent.
  void end();

  // From the terminal. respondHead() and the like announce context().response.
  void respondInformational();
  void respondHead(bool end_stream);
  void respondBody(buffer::Buffer& data, bool end_stream);
  void respondTrailers();
  // A local reply that passes the response half of every filter, after which the terminal gets no
  // more of the request.
  void localReply(const LocalReply& reply);
  void reset(const StreamError& error);
  // What the localReply() or reset() that follows stands for.
  void noteFailure(const StreamError& error) { sink_.onTerminalFailure(error); }
  void setRequestReadEnabled(bool enabled);
  const Route* route();
  // For a terminal that has the whole request, of which nothing has been answered, and wants it to
  // come again as it has changed context().request: through new filters to a new terminal, on a
  // route that is looked up anew. Takes `body`; the trailers are those of context(). At the end of
  // the loop turn; until then the terminal only waits. Only if mayRestartRequest().
  void restartRequest(buffer::Buffer& body) { sink_.restartRequest(body); }
  bool mayRestartRequest() const { return sink_.mayRestartRequest(); }
  void clearRouteCache() { sink_.clearRouteCache(); }

  // No filter wants the rest of the response body: it may pass outside of the chain (splice).
  bool responseBodyUnobserved() const;
  // The final response head has gone to the sink.
  bool responseStarted() const { return response_sent_ >= Sent::kHead; }
  bool responseEnded() const { return response_sent_ == Sent::kAll; }
  // A local reply asked for it.
  bool closeAfterResponse() const { return close_after_response_; }
  // What is answered, or ended, is a local reply.
  bool repliedLocally() const { return replied_locally_; }
  // The filter that has answered, as ConnectionManagerConfig::filters has it; nothing: the
  // terminal, or nobody yet.
  std::optional<uint32_t> answeredBy() const;

  // Bulk transfer of the whole response body of known length, which somebody (network::Splicer)
  // then writes to the returned connection himself. nullptr: not possible, use respondBody. Call
  // directly after respondHead(false) with framing kContentLength and content_length == bytes.
  // Say how many bytes went as they go; when all did, finish, which ends the response.
  network::Connection* beginRawResponseBody(uint64_t bytes);
  void rawResponseBodyProgress(uint64_t bytes);
  void finishRawResponseBody();

  FilterChainContext& context() { return context_; }

 private:
  friend class FilterHandle;
  struct Half;
  struct Slot;
  struct Answer;
  struct Request;   // The two directions, as policies
  struct Response;  // of the code they share.
  enum class Sent : uint8_t { kNothing, kHead, kAll };
  enum class Pending : uint8_t { kNone, kReply, kAnswer, kReset, kEnd };
  static constexpr uint32_t kTerminal = ~uint32_t{0};

  // Hand an event to `slot`, or past the last one of the direction.
  template <class D>
  void passHead(Slot* slot, bool end_stream);
  template <class D>
  void passBody(Slot* slot, buffer::Buffer& data, bool end_stream);
  template <class D>
  void passTrailers(Slot* slot);
  void passInformational(Slot* slot);

  // Shows and passes on all that can be; step() does one thing and says whether to go on.
  template <class D>
  void run(Slot& slot);
  template <class D>
  bool step(Slot& slot);
  template <class D>
  bool stepBody(Slot& slot);
  template <class D>
  bool awaitCollected(Slot& slot);
  template <class D>
  bool stepBehindHead(Slot& slot);
  template <class D>
  bool showBody(Slot& slot, bool end_stream);
  template <class D>
  bool showTrailers(Slot& slot);
  template <class D>
  void finishTrailers(Slot& slot);
  template <class D>
  void passHeld(Slot& slot, size_t bytes, bool end_stream);
  template <class D>
  void hold(Slot& slot, buffer::Buffer& data);
  template <class D>
  void refuseTooLarge(Slot& slot);
  template <class D>
  bool live(const Slot& slot) const;

  // Around each call of a filter. afterCall() applies the verdict, resumes that were asked for
  // inside, and replies or resets that waited for the call's end; false: this half is dead now.
  void beforeCall(Slot& slot);
  void passByIfDisabled(Slot& slot);
  template <class D>
  bool afterCall(Slot& slot, Verdict verdict);
  void performPending();
  template <class D>
  void resume(Slot& slot);
  template <class D>
  void setMode(Slot& slot, BodyMode mode);
  template <class D>
  void addBody(Slot& slot, buffer::Buffer& data);
  template <class D>
  void passAhead(Slot& slot, buffer::Buffer& data);

  template <class D>
  void account(const Half& half, int64_t change);
  void updateRequestRead();
  void updateResponseBlocked();
  void sendContinue(Slot& slot);

  void reply(uint32_t origin, const LocalReply& reply);
  void performReply(uint32_t origin, const LocalReply& reply);
  void takeOver(uint32_t origin);
  void sendReply(Slot* slot, const LocalReply& reply);
  void sendGrpcReply(Slot* slot, std::string_view type, const LocalReply& reply);
  void note(const LocalReply& reply);
  Slot* slotBefore(uint32_t origin) const;
  bool responseLeft(uint32_t origin);
  std::string_view grpcTypeFor(uint32_t origin) const;
  bool takesGrpcTrailers(uint32_t origin) const;
  void endWithGrpcTrailers(uint32_t origin, const LocalReply& reply);
  void addGrpcStatus(HeaderMap& fields, const LocalReply& reply);
  void noteGrpcStatus(const HeaderMap& fields);
  ResponseHead* beginAnswer(Slot& slot);
  void answerHead(Slot& slot, bool end_stream);
  bool answerBody(Slot& slot, buffer::Buffer& data, bool end_stream);
  bool answerTrailers(Slot& slot, std::span<const ReplyField> fields);
  bool answers(const Slot& slot) const;
  void performAnswer();
  void passAnswer();
  void passAnswerBody(buffer::Buffer& data, bool end_stream);
  void tellAnswerBlocked();
  void dropHeld();
  void endTerminal();
  void performReset(const StreamError& error);
  void performEnd();
  Slot* slot(uint32_t index) const;

  FilterChainContext context_;
  ResponseSink& sink_;
  Terminal* terminal_ = nullptr;
  Slot* first_ = nullptr;
  Slot* last_ = nullptr;
  uint32_t slots_ = 0;
  uint32_t calls_ = 0;  // of filters, on the stack
  uint32_t runs_ = 0;   // of run(), on the stack
  // What the response comes from: the terminal, or the filter that answered. Only filters before
  // it see the response.
  uint32_t response_origin_ = kTerminal;
  uint32_t pending_origin_ = 0;
  Sent response_sent_ = Sent::kNothing;
  Pending pending_ = Pending::kNone;
  bool ended_ = false;
  bool routes_set_filters_ = false;
  bool close_after_response_ = false;
  bool replied_locally_ = false;
  bool replied_at_once_ = false;  // past the filters
  bool head_seen_ = false;
  bool request_dropped_ = false;  // what still comes of the request goes nowhere
  bool request_read_enabled_ = true;
  bool terminal_reads_request_ = true;
  bool request_full_ = false;
  bool response_blocked_ = false;
  bool client_blocked_ = false;
  bool response_full_ = false;
  size_t request_held_ = 0;
  size_t response_held_ = 0;
  std::string_view grpc_type_;  // of what the client asked, whatever filters make of it
  LocalReply pending_reply_;
  StreamError pending_error_;
  base::ArenaPtr<Answer> answer_;  // by a filter that says it in pieces
};

}  // namespace weir::http
