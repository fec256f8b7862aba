#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "source/buffer/buffer.h"
#include "source/event/timer.h"
#include "source/http/filter.h"
#include "source/http/metadata.h"
#include "source/lua/coroutine.h"
#include "source/lua/state.h"
#include "source/router/http_calls.h"

namespace weir::extensions::http_filters::lua {

class LuaFilter;
class LuaStream;
class LuaWorker;

enum class Direction : uint8_t { kRequest, kResponse };

// What the header object of a script stands for: a head, or trailers. Worker-confined.
struct Fields {
  enum class Kind : uint8_t { kRequest, kResponse, kTrailers };
  LuaStream* stream = nullptr;
  http::HeaderMap* map = nullptr;
  Kind kind = Kind::kTrailers;
  bool iterating = false;  // pairs() is under way: no changes, no second pairs()
};

// What the buffer object of a script stands for: a whole body, or the piece that is passing.
// Worker-confined.
struct Body {
  LuaStream* stream = nullptr;
  buffer::Buffer* bytes = nullptr;  // null: it has gone on
  bool whole = false;
};

// One direction of an exchange and the coroutine that handles it: what the script's stream handle
// stands for. It turns what the coroutine waits for into verdicts, and what the chain shows into
// results of the calls that waited. Worker-confined; part of its filter.
class LuaStream final : public router::HttpCallListener {
 public:
  // What the coroutine has yielded for. kReply: nothing more; it never goes on.
  enum class Wait : uint8_t { kNothing, kBody, kChunk, kTrailers, kCall, kSleep, kReply };

  LuaStream(LuaFilter& filter, Direction direction) : filter_(filter), direction_(direction) {}
  LuaStream(const LuaStream&) = delete;
  LuaStream& operator=(const LuaStream&) = delete;

  // The chain's calls.
  http::Verdict begin(weir::lua::State& state, weir::lua::Function function, bool end_stream);
  http::Verdict onBody(buffer::Buffer& data, bool end_stream);
  http::Verdict onTrailers(http::HeaderMap& trailers);
  void end();
  void onHttpCallAnswer(router::HttpCallAnswer& answer) override;
  void onHttpCallFailure(const http::StreamError& error) override;

  // For bindings ----------------------------------------------------------------------------------

  LuaWorker& worker() const;
  http::FilterHandle& handle() const;
  Direction direction() const { return direction_; }
  bool isRequest() const { return direction_ == Direction::kRequest; }
  // Handles are made in its scope. Only while the script runs or waits.
  weir::lua::Coroutine& coroutine() { return coroutine_; }

  // The head has gone to the next filter: it can neither be changed nor answered.
  bool headGone() const { return head_gone_; }
  // All of the message is here: no body and no trailers follow.
  bool messageEnded() const { return message_ended_; }
  // Bytes after an upgrade or CONNECT: no body that ends.
  bool tunnel() const;
  http::BodyFraming& framing() const;
  uint64_t& contentLength() const;

  Fields& head() { return head_; }
  // Null: they are not here (yet).
  Fields* trailers();
  // The body as a whole, when it has been waited for, or when there is none.
  Body* wholeBody();

  // Whether bytes of it have come to the script or past it.
  bool bodySeen() const { return streamed_ || (collected_ && !bodiless_); }
  // Puts other bytes in its place and corrects the announced length. Null, or why not.
  const char* setBytes(Body& body, std::string_view bytes);

  // Before lua_yield(). Whoever yielded last is what counts.
  void wait(Wait what) { wait_ = what; }
  // body() gives an object for an empty body too.
  void wrapEmptyBody(bool always) { wraps_empty_body_ = always; }
  // False: there is nobody here who calls. Raises nothing.
  bool startCall(router::HttpCallRequest& request, std::string_view body, bool all_values);
  bool startAndForget(router::HttpCallRequest& request, std::string_view body);
  // The coroutine goes on after `time`; yield.
  void wakeAfter(std::chrono::milliseconds time);
  // The answer that kReply waits with; copied. False: there is one already.
  bool setReply(uint16_t status, std::string_view body, std::string_view content_type,
                std::span<const http::ReplyField> fields);
  // What the route says, also when it gives way to another: a copy. Null: no room.
  http::MetadataValue* keepMetadata(const http::MetadataValue& value);
  // A script may write so many bytes into heads and trailers of one direction. False: no more.
  bool spend(size_t bytes) { return (spent_ += bytes) <= kMaxWrittenBytes; }

 private:
  static constexpr size_t kMaxWrittenBytes = 256 * 1024;

  http::Verdict onWholeBody(buffer::Buffer& data, bool end_stream);
  // After the coroutine has run: what that means for the stream. `data`: what the chain shows.
  http::Verdict settle(weir::lua::Outcome outcome, buffer::Buffer* data = nullptr);
  http::Verdict fail();
  void announce(size_t size);
  http::Verdict letGo(buffer::Buffer* data);
  void giveBody(buffer::Buffer* data);
  void addBody(buffer::Buffer& data);
  // The same, from outside of the chain's calls.
  void goOn(weir::lua::Outcome outcome);
  void onAwake();
  bool answersHead() const;

  LuaFilter& filter_;
  const Direction direction_;
  Wait wait_ = Wait::kNothing;
  bool over_ = true;  // no script, or it is done
  bool head_gone_ = false;
  bool message_ended_ = false;
  bool bodiless_ = false;  // the head was the end
  bool collected_ = false;
  bool streamed_ = false;  // its body has begun to pass
  bool wraps_empty_body_ = false;
  bool all_values_ = false;  // of repeated fields, in the answer to a call
  size_t spent_ = 0;
  weir::lua::Coroutine coroutine_;
  router::HttpCallHandle call_;
  std::optional<event::WheelTimer> timer_;
  std::optional<buffer::Buffer> body_;
  Fields head_;
  Fields trailers_;
  Body whole_{.whole = true};
  Body chunk_;
  http::LocalReply reply_;
  bool replied_ = false;
  const http::MetadataValue* metadata_from_ = nullptr;
  http::MetadataValue* metadata_ = nullptr;
};

}  // namespace weir::extensions::http_filters::lua
