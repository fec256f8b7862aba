#include <utility>

#include "source/http/filter_chain_slot.h"
#include "source/http/semantics.h"

// Replies and ends.
namespace weir::http {

void FilterChain::localReply(const LocalReply& reply_of_terminal) {
  if (response_origin_ == kTerminal) reply(kTerminal, reply_of_terminal);
}

void FilterChain::replyAtOnce(const LocalReply& reply_of_owner) {
  reply(0, reply_of_owner);
}

void FilterChain::reply(uint32_t origin, const LocalReply& given) {
  if (ended_) return;
  if (calls_ == 0) return performReply(origin, given);
  if (pending_ != Pending::kNone) return;
  pending_ = Pending::kReply;
  pending_origin_ = origin;
  pending_reply_ = given;
  pending_reply_.body = context_.arena.copy(given.body);
  pending_reply_.content_type = context_.arena.copy(given.content_type);
  pending_reply_.location = context_.arena.copy(given.location);
}

void FilterChain::performReply(uint32_t origin, const LocalReply& given) {
  // Somebody nearer to the client has answered, or all is said.
  const bool too_late = response_origin_ != kTerminal && origin >= response_origin_ && origin != 0;
  if (too_late || response_sent_ == Sent::kAll) return;
  if (responseLeft(origin)) {
    if (!given.detail.empty()) context_.info.detail = given.detail;
    context_.info.addFlag(given.flag);
    return performReset(
        {.origin = ErrorOrigin::kLocal, .reason = ErrorReason::kFilter, .detail = given.detail});
  }
  response_origin_ = origin;
  request_dropped_ = true;
  dropHeld();
  if (origin != kTerminal) endTerminal();
  terminal_reads_request_ = true;
  updateRequestRead();
  sendReply(origin == kTerminal ? last_ : (origin == 0 ? nullptr : slot(origin - 1)), given);
}

void FilterChain::sendReply(Slot* to, const LocalReply& given) {
  context_.info.addFlag(given.flag);
  if (!given.detail.empty()) context_.info.detail = given.detail;
  close_after_response_ |= given.close_connection;
  // The views may lead into the head that is about to be cleared.
  buffer::Buffer body(context_.blocks);
  const bool bodiless = statusHasNoBody(given.status);
  if (!bodiless) body.append(given.body);
  const std::string_view type = context_.arena.copy(given.content_type);
  const std::string_view location = context_.arena.copy(given.location);
  ResponseHead& head = context_.response;
  head.clear();
  head.status = given.status;
  head.framing = bodiless ? BodyFraming::kNone : BodyFraming::kContentLength;
  head.content_length = body.size();
  if (!body.empty() && !type.empty()) head.headers.add(HeaderId::kContentType, type);
  if (!location.empty()) head.headers.add(HeaderId::kLocation, location);
  const bool head_only = body.empty() || context_.request.isHead();
  const uint32_t origin = response_origin_;
  passHead<Response>(to, head_only);
  if (!head_only && !ended_ && response_origin_ == origin) passBody<Response>(to, body, true);
}

// Has the response head gone on from `origin` towards the client?
bool FilterChain::responseLeft(uint32_t origin) {
  if (response_sent_ != Sent::kNothing) return true;
  const Slot* before = origin == kTerminal ? last_ : (origin == 0 ? nullptr : slot(origin - 1));
  return before != nullptr && before->response.arrived != Half::Mark::kNothing;
}

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
  if (context_.info.detail.empty()) context_.info.detail = error.detail;
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
  for (Slot* slot = first_; slot != nullptr; slot = slot->next) slot->filter.onStreamEnd();
  dropHeld();
}

void FilterChain::performPending() {
  switch (std::exchange(pending_, Pending::kNone)) {
    case Pending::kNone:
      return;
    case Pending::kReply:
      return performReply(pending_origin_, pending_reply_);
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
  for (Slot* slot = first_; slot != nullptr; slot = slot->next) {
    slot->request.held.clear();
    if (ended_ || slot->index >= response_origin_) slot->response.held.clear();
  }
  request_held_ = response_held_ = 0;
  request_full_ = response_full_ = false;
}

}  // namespace weir::http
