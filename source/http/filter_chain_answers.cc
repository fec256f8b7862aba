#include <cassert>
#include <utility>

#include "source/http/filter_chain_slot.h"
#include "source/http/semantics.h"

// Answers that filters give in pieces.
namespace weir::http {

// The answer that has begun is this filter's, and not at its end.
bool FilterChain::answers(const Slot& slot) const {
  return answer_ != nullptr && &answer_->slot == &slot && answer_->state != Answer::State::kOver;
}

ResponseHead* FilterChain::beginAnswer(Slot& slot) {
  if (ended_ || pending_ != Pending::kNone) return nullptr;
  if (slot.index >= response_origin_ || responseLeft(slot.index)) return nullptr;
  if (calls_ == 0) {
    takeOver(slot.index);
    updateResponseBlocked();
  } else {
    pending_ = Pending::kAnswer;
    pending_origin_ = slot.index;
  }
  answer_.reset(context_.arena.create<Answer>(slot, context_.blocks));
  context_.response.clear();
  return &context_.response;
}

// The call in which it was begun is over.
void FilterChain::performAnswer() {
  base::ArenaPtr<Answer> answer = std::move(answer_);
  takeOver(pending_origin_);
  updateResponseBlocked();
  answer_ = std::move(answer);
  if (answer_->state == Answer::State::kReady) passAnswer();
}

void FilterChain::answerHead(Slot& slot, bool end_stream) {
  if (!answers(slot) || answer_->state != Answer::State::kFilling) return;
  ResponseHead& head = context_.response;
  assert(head.status >= 200);
  const bool bodiless = statusHasNoBody(head.status) || context_.request.isHead();
  if (!bodiless && !end_stream && head.framing == BodyFraming::kNone) {
    head.framing = BodyFraming::kChunked;
  }
  answer_->head_only = answer_->ended = end_stream || bodiless;
  answer_->counted = head.framing == BodyFraming::kContentLength;
  answer_->left = head.content_length;
  answer_->state = Answer::State::kReady;
  if (pending_ != Pending::kAnswer) passAnswer();
}

void FilterChain::passAnswer() {
  Answer* const answer = answer_.get();
  const bool head_only = answer->head_only;
  passHead<Response>(slotBefore(answer->slot.index), head_only);
  if (answer_.get() != answer) return;
  answer->state = head_only ? Answer::State::kOver : Answer::State::kFlowing;
  if (head_only) return;
  const bool body_ends = answer->ended && !answer->trailers;
  if (!answer->held.empty() || body_ends) {
    buffer::Buffer data(std::move(answer->held));
    passAnswerBody(data, body_ends);
    if (answer_.get() != answer) return;
  }
  if (answer->trailers) return passTrailers<Response>(slotBefore(answer->slot.index));
  tellAnswerBlocked();
}

bool FilterChain::answerBody(Slot& slot, buffer::Buffer& data, bool end_stream) {
  if (!answers(slot) || answer_->state == Answer::State::kFilling || answer_->ended) {
    data.clear();
    return false;
  }
  answer_->ended = end_stream;
  if (answer_->state == Answer::State::kReady) {
    answer_->held.append(data);
  } else {
    passAnswerBody(data, end_stream);
  }
  return end_stream || answers(slot);
}

void FilterChain::passAnswerBody(buffer::Buffer& data, bool end_stream) {
  Answer& answer = *answer_;
  if (answer.counted && (data.size() > answer.left || (end_stream && data.size() < answer.left))) {
    data.clear();
    return reset({ErrorOrigin::kLocal, ErrorReason::kFilter, false, "answer_length_mismatch"});
  }
  answer.left -= answer.counted ? data.size() : 0;
  if (answer.ended) answer.state = Answer::State::kOver;
  passBody<Response>(slotBefore(answer.slot.index), data, end_stream);
}

bool FilterChain::answerTrailers(Slot& slot, std::span<const ReplyField> fields) {
  if (!answers(slot) || answer_->state == Answer::State::kFilling || answer_->ended) return false;
  HeaderMap& trailers = context_.response_trailers;
  trailers.clear();
  for (const ReplyField& field : fields) trailers.add(field.name, field.value);
  answer_->ended = answer_->trailers = true;
  if (answer_->state == Answer::State::kReady) return true;
  answer_->state = Answer::State::kOver;
  passTrailers<Response>(slotBefore(slot.index));
  return true;
}

// Not from within what another filter does: what the answering filter then says must find every
// filter's bytes in their places.
void FilterChain::tellAnswerBlocked() {
  if (runs_ > 0 || answer_->state != Answer::State::kFlowing) return;
  if (answer_->blocked == response_blocked_) return;
  answer_->blocked = response_blocked_;
  answer_->slot.filter->onAnswerBlocked(response_blocked_);
}

}  // namespace weir::http
