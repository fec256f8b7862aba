#include "extensions/health_checkers/http/http_probe.h"

#include <utility>

#include "extensions/health_checkers/http/http.h"

namespace weir::extensions::health_checkers::http {
namespace {

constexpr uint16_t kRequestTimeout = 408;

}  // namespace

HttpProbe::HttpProbe(HttpChecker& checker, upstream::ProbeConnections& connections,
                     const upstream::ProbeTarget& target, upstream::ProbeListener& listener)
    : ConnectionProbe(connections, target, listener), checker_(checker) {}

HttpProbe::~HttpProbe() {
  HttpProbe::forget();
  release();
}

void HttpProbe::ask(bool fresh) {
  if (fresh) {
    std::string problem = chooseProtocol();
    if (!problem.empty()) return failed(std::move(problem));
  }
  exchange_ = checker_.takeExchange();
  const weir::http::RequestHead& head = checker_.requestTo(target().address);
  in_codec_ = true;
  const bool asked = http2_ != nullptr ? exchange_->askHttp2(*this, http2_->codec(), head)
                                       : exchange_->askHttp1(*this, connection().network(), head);
  in_codec_ = false;
  if (!asked) return failed("the request could not be sent");
  if (exchange_->state() != Exchange::State::kAsking) conclude(/*keep=*/false);
}

std::string HttpProbe::chooseProtocol() {
  network::TransportSocket& transport = connection().network().transport();
  const bool chose_http2 = transport.applicationProtocol() == "h2";
  http2_ = nullptr;
  switch (checker_.protocol()) {
    case upstream::HttpProtocol::kHttp1:
      return chose_http2 ? "chose \"h2\" by ALPN, where HTTP/1.1 is spoken" : "";
    case upstream::HttpProtocol::kHttp2:
      if (!chose_http2 && transport.security() != nullptr) return "did not choose \"h2\" by ALPN";
      break;
    case upstream::HttpProtocol::kAuto:
      if (!chose_http2) return {};
      break;
  }
  auto companion = std::make_unique<Http2Companion>(connection(), checker_.http2Services());
  http2_ = companion.get();
  connection().setCompanion(std::move(companion));
  return {};
}

void HttpProbe::read(buffer::Buffer& data, bool end_stream) {
  in_codec_ = true;
  bool keep = !end_stream;
  if (http2_ != nullptr) {
    keep = http2_->dispatch(data, end_stream) && http2_->usable();
  } else {
    exchange_->dispatch(data, end_stream);
    keep = keep && data.empty();
  }
  in_codec_ = false;
  conclude(keep);
}

// The codec is not on the stack, or only a timer of HTTP/2's, whose connection lives on.
void HttpProbe::conclude(bool keep) {
  const AnswerJudge& judge = exchange_->judge();
  switch (exchange_->state()) {
    case Exchange::State::kIdle:
      return;
    case Exchange::State::kAsking:
      // Whatever else there is of the answer, this will not change.
      if (judge.condemned()) done(judge.result(), /*keep=*/false);
      return;
    case Exchange::State::kComplete:
      // That it has waited for a request for too long is no answer to this one.
      if (judge.condemned() && judge.status() == kRequestTimeout) {
        return failed(judge.result().reason);
      }
      keep = keep && (http2_ != nullptr || exchange_->reusable());
      return done(judge.result(), keep);
    case Exchange::State::kEnough:
      return done(judge.result(), /*keep=*/false);
    case Exchange::State::kFailed:
      return failed(exchange_->reason());
  }
}

void HttpProbe::onExchangeEnded() {
  if (!in_codec_) conclude(/*keep=*/false);
}

// An idle HTTP/1 endpoint has nothing to say; one of HTTP/2 has: SETTINGS, PING, GOAWAY.
bool HttpProbe::readIdle(buffer::Buffer& data, bool end_stream) {
  if (http2_ == nullptr || !http2_->dispatch(data, end_stream)) return false;
  return !http2_->codec().goingAway();
}

bool HttpProbe::usable() {
  return ConnectionProbe::usable() && (http2_ == nullptr || http2_->usable());
}

bool HttpProbe::answered() {
  const uint16_t status = exchange_ != nullptr ? exchange_->judge().status() : 0;
  if (status == kRequestTimeout) return false;
  return http2_ != nullptr ? status != 0 : ConnectionProbe::answered();
}

void HttpProbe::forget() {
  if (exchange_ == nullptr) return;
  exchange_->forget();
  checker_.giveExchange(std::move(exchange_));
}

void HttpProbe::close(upstream::ProbeConnection& connection) {
  if (http2_ != nullptr) return http2_->closeGently();
  ConnectionProbe::close(connection);
}

}  // namespace weir::extensions::health_checkers::http
