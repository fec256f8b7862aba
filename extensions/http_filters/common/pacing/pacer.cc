#include "extensions/http_filters/common/pacing/pacer.h"

namespace weir::extensions::http_filters::common::pacing {

Pacer::Pacer(http::FilterHandle& handle, Direction direction, ByteBucket& bucket)
    : handle_(handle),
      direction_(direction),
      bucket_(bucket),
      timer_(handle.dispatcher().wheel(), event::wheelCallback<&Pacer::onTime>, this),
      waiting_(handle.blocks()) {}

http::Verdict Pacer::onBody(buffer::Buffer& data) {
  const size_t now_allowed = bucket_.take(data.size(), now());
  if (now_allowed == data.size()) return http::Verdict::kContinue;
  waiting_.append(data);
  waits_ = true;
  since_ = now();
  bucket_.join();
  timer_.arm(kStep);
  pass(now_allowed);
  return http::Verdict::kPause;
}

// The stream may be over afterwards.
void Pacer::pass(size_t bytes) {
  if (bytes == 0) return;
  buffer::Buffer part(waiting_.pool());
  part.appendPrefix(waiting_, bytes);
  direction_ == Direction::kRequest ? handle_.passRequestBody(part)
                                    : handle_.passResponseBody(part);
}

void Pacer::onTime() {
  if (!waits_) return;
  timer_.arm(kStep);
  pass(bucket_.take(waiting_.size(), now()));
  if (!waits_ || !waiting_.empty()) return;
  endWait();
  direction_ == Direction::kRequest ? handle_.resumeRequest() : handle_.resumeResponse();
}

void Pacer::endWait() {
  if (!waits_) return;
  waits_ = false;
  delay_ += now() - since_;
  timer_.cancel();
  bucket_.leave();
}

void Pacer::stop() {
  endWait();
  waiting_.clear();
}

std::chrono::milliseconds Pacer::delay() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(delay_);
}

}  // namespace weir::extensions::http_filters::common::pacing
