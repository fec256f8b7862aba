#include "extensions/health_checkers/http/exchange.h"

#include <utility>

namespace weir::extensions::health_checkers::http {

Exchange::Exchange(const Expectation& expected, const weir::http::CodecLimits& limits)
    : limits_(limits), judge_(expected) {}

Exchange::~Exchange() {
  forget();
}

bool Exchange::askHttp1(Borrower& borrower, network::Connection& connection,
                        const weir::http::RequestHead& head) {
  begin(borrower);
  connection_ = &connection;
  if (codec_ == nullptr) codec_ = weir::http::http1::createClientCodec(limits_);
  codec_->attach(*this, *this);
  encoder_ = &codec_->newStream(*this);
  return encoder_->encodeHead(head, /*end_stream=*/true);
}

bool Exchange::askHttp2(Borrower& borrower, weir::http::http2::Http2ClientCodec& codec,
                        const weir::http::RequestHead& head) {
  begin(borrower);
  weir::http::RequestEncoder& encoder = codec.newStream(*this);
  if (!encoder.encodeHead(head, /*end_stream=*/true)) return false;
  if (state_ == State::kAsking) encoder_ = &encoder;
  return true;
}

void Exchange::begin(Borrower& borrower) {
  clear();
  borrower_ = &borrower;
  state_ = State::kAsking;
}

void Exchange::dispatch(buffer::Buffer& data, bool end_stream) {
  const weir::http::StreamError error = codec_->dispatch(data, end_stream);
  // The decoder has been told, unless there was nobody to tell.
  if (state_ == State::kAsking && error.reason != weir::http::ErrorReason::kNone) onReset(error);
}

void Exchange::forget() {
  state_ = State::kIdle;
  borrower_ = nullptr;
  // Of HTTP/2, so that the codec does not call any more.
  if (encoder_ != nullptr && connection_ == nullptr) encoder_->reset();
  if (connection_ != nullptr) codec_->detach();
  connection_ = nullptr;
  encoder_ = nullptr;
  clear();
}

// What was large of the answer is not kept for the next one.
void Exchange::clear() {
  judge_.begin();
  head_.clear();
  trailers_.clear();
  trailer_arena_.clear();
  reason_ = std::string();
  interim_ = 0;
}

void Exchange::onInformational() {
  if (++interim_ <= kMostInterim) return;
  reason_ = "too many interim answers";
  giveUp(State::kFailed);
}

void Exchange::onHead(bool end_stream) {
  judge_.onHead(head_);
  if (end_stream) end(State::kComplete);
}

void Exchange::onBody(buffer::Buffer& data, bool end_stream) {
  const bool wanted = judge_.onBody(data);
  if (wanted && !end_stream) return;
  if (wanted) return end(State::kComplete);
  giveUp(State::kEnough);
}

void Exchange::onReset(const weir::http::StreamError& error) {
  reason_ = std::string(error.detail());
  if (reason_.empty()) reason_ = "the answer is not complete";
  end(State::kFailed);
}

// The codec is to say nothing more of it.
void Exchange::giveUp(State state) {
  std::exchange(encoder_, nullptr)->reset();
  end(state);
}

void Exchange::end(State state) {
  encoder_ = nullptr;
  state_ = state;
  borrower_->onExchangeEnded();
}

}  // namespace weir::extensions::health_checkers::http
