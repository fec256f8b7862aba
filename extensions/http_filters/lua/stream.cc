#include "extensions/http_filters/lua/stream.h"

#include <array>
#include <charconv>
#include <utility>

#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::lua {

using http::Verdict;
using weir::lua::Outcome;
using weir::lua::Progress;
using weir::lua::pushHandle;

LuaWorker& LuaStream::worker() const {
  return filter_.worker();
}

http::FilterHandle& LuaStream::handle() const {
  return filter_.handle();
}

bool LuaStream::tunnel() const {
  if (!isRequest()) return handle().responseHead().framing == http::BodyFraming::kTunnel;
  const http::RequestHead& head = handle().requestHead();
  return !head.upgrade.empty() || head.isConnect();
}

http::BodyFraming& LuaStream::framing() const {
  return isRequest() ? handle().requestHead().framing : handle().responseHead().framing;
}

uint64_t& LuaStream::contentLength() const {
  return isRequest() ? handle().requestHead().content_length
                     : handle().responseHead().content_length;
}

bool LuaStream::answersHead() const {
  return !isRequest() && handle().requestHead().isHead();
}

Fields* LuaStream::trailers() {
  if (trailers_.map == nullptr) {
    trailers_.stream = this;
    trailers_.map = isRequest() ? handle().requestTrailers() : handle().responseTrailers();
  }
  return trailers_.map == nullptr ? nullptr : &trailers_;
}

Body* LuaStream::wholeBody() {
  if (!collected_ && !bodiless_ && !tunnel()) return nullptr;
  if (!collected_) {
    collected_ = true;
    body_.emplace(handle().blocks());
    whole_.stream = this;
    whole_.bytes = head_gone_ ? nullptr : &*body_;
  }
  return &whole_;
}

// What the head says, for the chain and for the script.
void LuaStream::announce(size_t size) {
  contentLength() = size;
  if (!head_.map->has(http::HeaderId::kContentLength)) return;
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), size).ptr;
  head_.map->set(http::HeaderId::kContentLength,
                 {text.data(), static_cast<size_t>(end - text.data())});
}

const char* LuaStream::setBytes(Body& body, std::string_view bytes) {
  const bool known = framing() == http::BodyFraming::kContentLength;
  if (body.whole) {
    if (tunnel()) return "a tunnel has no body that could be set";
    if (bodiless_ && !known) framing() = http::BodyFraming::kContentLength;
    if (known || bodiless_) announce(bytes.size());
  } else if (known && bytes.size() != body.bytes->size()) {
    return "the length of the body has been announced: remove \"content-length\" before "
           "bodyChunks()";
  }
  body.bytes->clear();
  body.bytes->append(bytes);
  return nullptr;
}

// ---- the chain's calls ------------------------------------------------------------------------

Verdict LuaStream::begin(weir::lua::State& state, weir::lua::Function function, bool end_stream) {
  over_ = false;
  message_ended_ = bodiless_ = end_stream;
  head_ = {.stream = this,
           .map = isRequest() ? &handle().requestHead().headers : &handle().responseHead().headers,
           .kind = isRequest() ? Fields::Kind::kRequest : Fields::Kind::kResponse};
  coroutine_ = state.coroutine();
  return settle(coroutine_.start(function, [this](lua_State* L) {
    pushHandle(L, kStreamType, this, coroutine_.scope());
    return 1;
  }));
}

Verdict LuaStream::onBody(buffer::Buffer& data, bool end_stream) {
  if (over_) return Verdict::kContinue;
  if (wait_ == Wait::kBody) return onWholeBody(data, end_stream);
  streamed_ = true;
  message_ended_ = end_stream;
  if (wait_ == Wait::kTrailers && end_stream) {
    return settle(coroutine_.resume([](lua_State*) { return 0; }));
  }
  if (wait_ != Wait::kChunk) return Verdict::kContinue;
  chunk_ = {.stream = this, .bytes = &data};
  Outcome outcome = coroutine_.resume([this](lua_State* L) {
    pushHandle(L, kBodyType, &chunk_, coroutine_.scope());
    return 1;
  });
  chunk_.bytes = nullptr;
  return settle(std::move(outcome));
}

Verdict LuaStream::onWholeBody(buffer::Buffer& data, bool end_stream) {
  message_ended_ = collected_ = true;
  if (data.size() > worker().settings().max_body_bytes) {  // what had come while it paused
    handle().localReply(isRequest()
                            ? http::LocalReply{.status = 413,
                                               .body = "request body too large\n",
                                               .detail = "request_body_over_collect_limit",
                                               .close_connection = true}
                            : http::LocalReply{.status = 500,
                                               .body = "response body too large\n",
                                               .detail = "response_body_over_collect_limit"});
    return Verdict::kPause;
  }
  body_.emplace(handle().blocks());
  body_->append(data);
  whole_.stream = this;
  whole_.bytes = &*body_;
  if (!end_stream) trailers();
  Outcome outcome = coroutine_.resume([this](lua_State* L) {
    if (body_->empty() && !wraps_empty_body_) {
      lua_pushnil(L);
    } else {
      pushHandle(L, kBodyType, &whole_, coroutine_.scope());
    }
    return 1;
  });
  return settle(std::move(outcome), &data);
}

Verdict LuaStream::onTrailers(http::HeaderMap&) {
  if (over_) return Verdict::kContinue;
  message_ended_ = true;
  Fields* const fields = trailers();
  if (wait_ == Wait::kChunk) return settle(coroutine_.resume([](lua_State*) { return 0; }));
  if (wait_ != Wait::kTrailers) return Verdict::kContinue;
  return settle(coroutine_.resume([this, fields](lua_State* L) {
    pushHandle(L, kFieldsType, fields, coroutine_.scope());
    return 1;
  }));
}

void LuaStream::end() {
  over_ = true;
  wait_ = Wait::kNothing;
  call_.cancel();
  timer_.reset();
  coroutine_.reset();
  body_.reset();
}

// ---- what the coroutine has come to -----------------------------------------------------------

Verdict LuaStream::settle(Outcome outcome, buffer::Buffer* data) {
  if (outcome.progress == Progress::kAbandoned) return Verdict::kPause;
  if (outcome.progress != Progress::kYielded) wait_ = Wait::kNothing;
  if (wait_ != Wait::kCall) call_.cancel();
  if (outcome.failed()) return fail() == Verdict::kPause ? Verdict::kPause : letGo(data);
  switch (wait_) {
    case Wait::kNothing:
      over_ = true;
      coroutine_.reset();
      break;
    case Wait::kCall:
    case Wait::kSleep:
      return Verdict::kPause;
    case Wait::kReply:
      over_ = true;
      handle().localReply(reply_);
      return Verdict::kPause;
    case Wait::kBody:
      filter_.setMode(direction_, http::BodyMode::kCollect);
      return Verdict::kContinue;
    case Wait::kChunk:
    case Wait::kTrailers:
      if (!head_gone_) filter_.setMode(direction_, http::BodyMode::kStream);
      break;
  }
  return letGo(data);
}

// kContinue: as if there were no script.
Verdict LuaStream::fail() {
  over_ = true;
  const bool goes_on =
      coroutine_.state().script().config().on_error == weir::lua::OnError::kContinue;
  coroutine_.reset();
  if (goes_on) return Verdict::kContinue;
  handle().localReply(kScriptFailed);
  return Verdict::kPause;
}

Verdict LuaStream::letGo(buffer::Buffer* data) {
  if (!head_gone_ && collected_) giveBody(data);
  head_gone_ = true;
  whole_.bytes = nullptr;
  return Verdict::kContinue;
}

void LuaStream::giveBody(buffer::Buffer* data) {
  if (data != nullptr) return data->append(*body_);  // the chain corrects the length
  if (answersHead()) body_->clear();
  if (bodiless_ && body_->empty()) return;
  if (framing() == http::BodyFraming::kContentLength) contentLength() = body_->size();
  addBody(*body_);
}

void LuaStream::addBody(buffer::Buffer& data) {
  isRequest() ? handle().addRequestBody(data) : handle().addResponseBody(data);
}

void LuaStream::goOn(Outcome outcome) {
  if (settle(std::move(outcome)) == Verdict::kPause) return;
  isRequest() ? handle().resumeRequest() : handle().resumeResponse();
}

// ---- calls and answers ------------------------------------------------------------------------

bool LuaStream::startCall(router::HttpCallRequest& request, std::string_view body,
                          bool all_values) {
  router::HttpCalls* const calls = worker().calls();
  if (calls == nullptr) return false;
  buffer::Buffer bytes(handle().blocks());
  bytes.append(body);
  if (!bytes.empty()) request.body = &bytes;
  request.on_behalf_of = &handle().info();
  all_values_ = all_values;
  call_ = calls->start(request, *this);
  return true;
}

bool LuaStream::startAndForget(router::HttpCallRequest& request, std::string_view body) {
  router::HttpCalls* const calls = worker().calls();
  if (calls == nullptr) return false;
  buffer::Buffer bytes(handle().blocks());
  bytes.append(body);
  if (!bytes.empty()) request.body = &bytes;
  request.on_behalf_of = &handle().info();
  calls->startAndForget(request);
  return true;
}

void LuaStream::onHttpCallAnswer(router::HttpCallAnswer& answer) {
  if (wait_ != Wait::kCall) return;
  const std::string_view body = answer.body.linearize(answer.body.size());
  goOn(coroutine_.resume([&answer, body, this](lua_State* L) {
    return pushAnswer(L, answer.head, body, all_values_);
  }));
}

void LuaStream::onHttpCallFailure(const http::StreamError& error) {
  if (wait_ != Wait::kCall) return;
  goOn(coroutine_.resume([&error](lua_State* L) { return pushFailure(L, error); }));
}

http::MetadataValue* LuaStream::keepMetadata(const http::MetadataValue& value) {
  if (metadata_from_ == &value) return metadata_;
  if (!spend(metadataBytes(value))) return nullptr;
  metadata_from_ = &value;
  base::Arena& arena = handle().arena();
  return metadata_ = arena.create<http::MetadataValue>(copyMetadata(value, arena));
}

void LuaStream::wakeAfter(std::chrono::milliseconds time) {
  wait(Wait::kSleep);
  if (!timer_) {
    timer_.emplace(handle().dispatcher().wheel(), event::wheelCallback<&LuaStream::onAwake>, this);
  }
  timer_->arm(time);
}

void LuaStream::onAwake() {
  if (wait_ != Wait::kSleep) return;
  goOn(coroutine_.resume([](lua_State*) { return 0; }));
}

bool LuaStream::setReply(uint16_t status, std::string_view body, std::string_view content_type,
                         std::span<const http::ReplyField> fields) {
  if (std::exchange(replied_, true)) return false;
  base::Arena& arena = handle().arena();
  auto* const copies = static_cast<http::ReplyField*>(
      arena.allocate(fields.size_bytes(), alignof(http::ReplyField)));
  for (size_t i = 0; i < fields.size(); ++i) {
    new (&copies[i]) http::ReplyField{arena.copy(fields[i].name), arena.copy(fields[i].value)};
  }
  reply_ = {.status = status,
            .body = arena.copy(body),
            .content_type = content_type.empty() ? "text/plain" : arena.copy(content_type),
            .detail = "lua_response",
            .fields = {copies, fields.size()}};
  return true;
}

}  // namespace weir::extensions::http_filters::lua
