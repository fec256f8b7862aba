#include <new>
#include <span>
#include <utility>

#include "source/http/filter_chain_slot.h"
#include "source/http/grpc_semantics.h"
#include "source/http/semantics.h"

// Replies and ends.
namespace weir::http {

namespace {

// Fields are bounded where they arrive: gRPC's clients take 8 KiB of them.
constexpr size_t kMaxGrpcMessageBytes = 1024;

std::span<const ReplyField> copyFields(std::span<const ReplyField> fields, base::Arena& arena) {
  if (fields.empty()) return {};
  auto* const copies =
      static_cast<ReplyField*>(arena.allocate(fields.size_bytes(), alignof(ReplyField)));
  for (size_t i = 0; i < fields.size(); ++i) {
    new (&copies[i]) ReplyField{arena.copy(fields[i].name), arena.copy(fields[i].value)};
  }
  return {copies, fields.size()};
}

void addFields(HeaderMap& to, std::span<const ReplyField> fields) {
  for (const ReplyField& field : fields) to.add(field.name, field.value);
}

// Not in the midst of a character of UTF-8.
std::string_view cutMessage(std::string_view message) {
  if (message.size() <= kMaxGrpcMessageBytes) return message;
  size_t size = kMaxGrpcMessageBytes;
  while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xc0) == 0x80) --size;
  return message.substr(0, size);
}

// The endpoints were not asked: why, for clients that may come back later.
void addOverload(HeaderMap& fields, const LocalReply& given) {
  if (given.flag != ResponseFlag::kUpstreamOverflow || given.detail.empty()) return;
  fields.addView(HeaderId::kOther, "weir-overload", given.detail);
}

}  // namespace

// ---- replies --------------------------------------------------------------------------------

void FilterChain::localReply(const LocalReply& reply_of_terminal) {
  if (response_origin_ == kTerminal) reply(kTerminal, reply_of_terminal);
}

void FilterChain::replyAtOnce(const LocalReply& reply_of_owner) {
  replied_at_once_ |= response_sent_ != Sent::kAll;
  reply(0, reply_of_owner);
}

std::optional<uint32_t> FilterChain::answeredBy() const {
  if (replied_at_once_ || response_origin_ == kTerminal) return std::nullopt;
  return slot(response_origin_)->position;
}

void FilterChain::reply(uint32_t origin, const LocalReply& given) {
  if (ended_) return;
  if (calls_ == 0) return performReply(origin, given);
  if (pending_ != Pending::kNone && pending_ != Pending::kAnswer) return;
  pending_ = Pending::kReply;
  pending_origin_ = origin;
  pending_reply_ = given;
  pending_reply_.body = context_.arena.copy(given.body);
  pending_reply_.content_type = context_.arena.copy(given.content_type);
  pending_reply_.location = context_.arena.copy(given.location);
  pending_reply_.fields = copyFields(given.fields, context_.arena);
}

void FilterChain::performReply(uint32_t origin, const LocalReply& given) {
  // Somebody nearer to the client has answered, or all is said.
  const bool breaks_off =
      response_origin_ == origin && origin != kTerminal && answers(*slot(origin));
  const bool too_late = response_origin_ != kTerminal && origin >= response_origin_ && origin != 0;
  if ((too_late && !breaks_off) || response_sent_ == Sent::kAll) return;
  if (responseLeft(origin)) {
    if (takesGrpcTrailers(origin)) return endWithGrpcTrailers(origin, given);
    note(given);
    return performReset({ErrorOrigin::kLocal, ErrorReason::kFilter, false, given.detail});
  }
  takeOver(origin);
  note(given);
  close_after_response_ |= given.close_connection;
  Slot* const to = slotBefore(origin);
  const std::string_view grpc_type = grpcTypeFor(origin);
  grpc_type.empty() ? sendReply(to, given) : sendGrpcReply(to, grpc_type, given);
}

// From now on the response comes from `origin`, and nobody waits for the rest of the request.
void FilterChain::takeOver(uint32_t origin) {
  response_origin_ = origin;
  request_dropped_ = true;
  answer_.reset();
  dropHeld();
  if (origin != kTerminal) endTerminal();
  terminal_reads_request_ = true;
  updateRequestRead();
}

void FilterChain::note(const LocalReply& given) {
  replied_locally_ = true;
  context_.info.addFlag(given.flag);
  if (!given.detail.empty()) context_.info.detail = given.detail;
}

void FilterChain::sendReply(Slot* to, const LocalReply& given) {
  // The views may lead into the head that is about to be cleared.
  buffer::Buffer body(context_.blocks);
  const bool bodiless = statusHasNoBody(given.status);
  if (!bodiless) body.append(given.body);
  const std::string_view type = context_.arena.copy(given.content_type);
  const std::string_view location = context_.arena.copy(given.location);
  const std::span<const ReplyField> fields = copyFields(given.fields, context_.arena);
  ResponseHead& head = context_.response;
  head.clear();
  head.status = given.status;
  head.framing = bodiless ? BodyFraming::kNone : BodyFraming::kContentLength;
  head.content_length = body.size();
  if (!body.empty() && !type.empty()) head.headers.add(HeaderId::kContentType, type);
  if (!location.empty()) head.headers.add(HeaderId::kLocation, location);
  addFields(head.headers, fields);
  addOverload(head.headers, given);
  const bool head_only = body.empty() || context_.request.isHead();
  const uint32_t origin = response_origin_;
  passHead<Response>(to, head_only);
  if (!head_only && !ended_ && response_origin_ == origin) passBody<Response>(to, body, true);
}

FilterChain::Slot* FilterChain::slotBefore(uint32_t origin) const {
  if (origin == kTerminal) return last_;
  return origin == 0 ? nullptr : slot(origin - 1);
}

// Has the response head gone on from `origin` towards the client?
bool FilterChain::responseLeft(uint32_t origin) {
  if (response_sent_ != Sent::kNothing) return true;
  const Slot* before = slotBefore(origin);
  return before != nullptr && before->response.arrived != Half::Mark::kNothing;
}

// ---- gRPC -----------------------------------------------------------------------------------

// grpcReplyType() of the request where `origin` answers it. Filters before it turn the answer back
// into what the client speaks.
std::string_view FilterChain::grpcTypeFor(uint32_t origin) const {
  if (origin == kTerminal || !head_seen_) return grpcReplyType(context_.request.headers);
  return origin == 0 ? grpc_type_ : slot(origin)->grpc_type;
}

void FilterChain::sendGrpcReply(Slot* to, std::string_view type, const LocalReply& given) {
  LocalReply reply = given;
  reply.body = context_.arena.copy(cutMessage(given.body));
  reply.fields = copyFields(given.fields, context_.arena);
  ResponseHead& head = context_.response;
  head.clear();
  head.status = 200;
  head.framing = BodyFraming::kContentLength;
  head.headers.add(HeaderId::kContentType, type);
  addGrpcStatus(head.headers, reply);
  addFields(head.headers, reply.fields);
  addOverload(head.headers, given);
  passHead<Response>(to, true);
}

// The response that has begun may still end with a status: it is gRPC (the terminal knows that of
// its own), its length was not announced, and it is under way from `origin` on.
bool FilterChain::takesGrpcTrailers(uint32_t origin) const {
  if (grpcTypeFor(origin) != kGrpcContentType) return false;
  if (origin != kTerminal && !isGrpc(context_.response.headers)) return false;
  const BodyFraming framing = context_.response.framing;
  if (framing != BodyFraming::kChunked && framing != BodyFraming::kUntilClose) return false;
  const Slot* before = slotBefore(origin);
  return before == nullptr ? response_sent_ == Sent::kHead
                           : before->response.arrived == Half::Mark::kHead;
}

void FilterChain::endWithGrpcTrailers(uint32_t origin, const LocalReply& given) {
  takeOver(origin);
  note(given);
  close_after_response_ |= given.close_connection;
  HeaderMap& trailers = context_.response_trailers;
  trailers.clear();
  addGrpcStatus(trailers, given);
  passTrailers<Response>(slotBefore(origin));
}

void FilterChain::addGrpcStatus(HeaderMap& fields, const LocalReply& given) {
  const GrpcStatus status = given.grpc_status.value_or(replyToGrpc(given.status));
  context_.info.grpc_status = status;
  fields.addView(HeaderId::kOther, kGrpcStatusName, grpcStatusNumber(status));
  std::string_view message = given.body.empty() ? reasonPhrase(given.status) : given.body;
  message = cutMessage(message);
  if (message.ends_with('\n')) message.remove_suffix(1);
  if (message.empty()) return;
  fields.add(kGrpcMessageName, encodeGrpcMessage(message, context_.arena));
}

void FilterChain::noteGrpcStatus(const HeaderMap& fields) {
  if (const auto status = grpcStatusIn(fields)) context_.info.grpc_status = status;
}

// ---- ends -----------------------------------------------------------------------------------

void FilterChain::reset(const StreamError& error) {
  if (ended_) return;
  if (calls_ == 0) return performReset(error);
  if (pending_ == Pending::kEnd) return;
  pending_ = Pending::kReset;
  pending_error_ = error;
}

void FilterChain::performReset(const StreamError& error) {
  if (response_sent_ == Sent::kAll) return;  // what the client has is whole
  context_.info.addFlag(flagFor(error));
  if (context_.info.detail.empty()) context_.info.detail = error.detail();
  sink_.sendReset(error);
  performEnd();
}

void FilterChain::end() {
  if (ended_) return;
  if (calls_ == 0) return performEnd();
  pending_ = Pending::kEnd;
}

void FilterChain::performEnd() {
  if (ended_) return;
  ended_ = true;
  endTerminal();
  for (Slot* slot = first_; slot != nullptr; slot = slot->next) slot->filter->onStreamEnd();
  answer_.reset();
  dropHeld();
}

void FilterChain::performPending() {
  switch (std::exchange(pending_, Pending::kNone)) {
    case Pending::kNone:
      return;
    case Pending::kReply:
      return performReply(pending_origin_, pending_reply_);
    case Pending::kAnswer:
      return performAnswer();
    case Pending::kReset:
      return performReset(pending_error_);
    case Pending::kEnd:
      return performEnd();
  }
}

void FilterChain::endTerminal() {
  if (Terminal* terminal = std::exchange(terminal_, nullptr)) terminal->onStreamEnd();
}

// Of the request, and of the response what is behind its (new) origin.
void FilterChain::dropHeld() {
  response_held_ = 0;
  for (Slot* slot = first_; slot != nullptr; slot = slot->next) {
    slot->request.held.clear();
    if (ended_ || slot->index >= response_origin_) slot->response.held.clear();
    if (slot->response.mode != BodyMode::kCollect) response_held_ += slot->response.held.size();
  }
  request_held_ = 0;
  request_full_ = false;
  response_full_ = response_full_ && response_held_ > kHighWatermarkBytes / 2;
}

}  // namespace weir::http
