#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "extensions/health_checkers/http/answer_judge.h"
#include "source/base/arena.h"
#include "source/http/codec.h"
#include "source/http/http1/codec.h"
#include "source/http/http2/codec.h"
#include "source/network/connection.h"

namespace weir::extensions::health_checkers::http {

// One request and its answer. Probes borrow exchanges while they ask, so that idle ones hold no
// codec and no head. Main-thread only.
class Exchange final : private weir::http::ResponseDecoder,
                       private weir::http::CodecOutput,
                       private weir::http::http1::ClientCodecCallbacks {
 public:
  enum class State : uint8_t {
    kIdle,
    kAsking,
    kComplete,
    kEnough,  // more was to come than is wanted
    kFailed,  // reason() says why
  };

  // Who borrows it.
  class Borrower {
   public:
    // The state is one of the last three, now. Often from inside a call of the codec.
    virtual void onExchangeEnded() = 0;

   protected:
    ~Borrower() = default;
  };

  // Both outlive it.
  Exchange(const Expectation& expected, const weir::http::CodecLimits& limits);
  ~Exchange();

  // All but `head` outlive the exchange, or its forget(). False: it cannot be asked.
  bool askHttp1(Borrower& borrower, network::Connection& connection,
                const weir::http::RequestHead& head);
  bool askHttp2(Borrower& borrower, weir::http::http2::Http2ClientCodec& codec,
                const weir::http::RequestHead& head);
  // HTTP/1: what has come.
  void dispatch(buffer::Buffer& data, bool end_stream);
  // Idle from now on. Not from inside dispatch().
  void forget();

  State state() const { return state_; }
  const AnswerJudge& judge() const { return judge_; }
  const std::string& reason() const { return reason_; }
  // HTTP/1, when complete: the connection may carry another.
  bool reusable() const { return codec_->reusable(); }

 private:
  static constexpr int kMostInterim = 16;  // interim answers

  // Of the answer.
  weir::http::ResponseHead& responseHead() override { return head_; }
  weir::http::HeaderMap& responseTrailers() override { return trailers_; }
  void onInformational() override;
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override { end(State::kComplete); }
  void onReset(const weir::http::StreamError& error) override;
  void onRequestBlocked(bool) override {}
  // Of the HTTP/1 codec.
  buffer::Buffer& output() override { return connection_->output(); }
  void outputReady(bool) override { connection_->outputReady(); }
  void setReadEnabled(bool enabled) override { connection_->setReadEnabled(enabled); }
  void abort() override {}  // the borrower closes
  void onExchangeComplete() override {}

  void begin(Borrower& borrower);
  void clear();
  void giveUp(State state);
  void end(State state);

  const weir::http::CodecLimits& limits_;
  AnswerJudge judge_;
  std::unique_ptr<weir::http::http1::Http1ClientCodec> codec_;  // when first needed
  Borrower* borrower_ = nullptr;
  network::Connection* connection_ = nullptr;      // HTTP/1
  weir::http::RequestEncoder* encoder_ = nullptr;  // while kAsking
  weir::http::ResponseHead head_;
  base::Arena trailer_arena_;
  weir::http::HeaderMap trailers_{trailer_arena_};
  std::string reason_;
  int interim_ = 0;
  State state_ = State::kIdle;
};

}  // namespace weir::extensions::health_checkers::http
