// The part of UpstreamRequest that drops answers which nobody is to see.

#include <utility>

#include "source/router/upstream_request.h"
#include "source/upstream/traffic_observations.h"

namespace weir::router {

// Asks about answers of failure, and redirects. Of gRPC: those without a message, which are
// trailers only, or of plain HTTP.
bool UpstreamRequest::ownerDiscards(bool end_stream) {
  const bool call_over = options_.grpc && (end_stream || status_ != 200);
  const uint16_t least = options_.redirects ? 300 : 400;
  if ((status_ < least && !call_over) || !sent_body_.intact()) return false;
  return owner_.discardsAnswer(status_,
                               options_.grpc ? grpcStatusOfAnswer() : http::GrpcStatus::kOk);
}

// As if it had not come. What still comes of it is dropped while the next run is not due, so that
// the connection can be used again.
void UpstreamRequest::discard(bool end_stream) {
  uint16_t status = status_;
  if (options_.grpc) {
    const http::GrpcStatus grpc = grpcStatusOfAnswer();
    countGrpc(grpc);
    status = http::grpcToHttp(grpc);
  }
  http::RequestEncoder& encoder = *encoder_;
  const bool request_over = requestSent();
  report(status < 400);
  if (upstream::requestsObserved(*cluster_)) observeAnswer(status);
  leave(State::kIdle);
  if (!request_over) {
    encoder.reset();
  } else if (!end_stream) {
    discarded_ = &encoder;
  }
  owner_.onUpstreamDiscarded();
}

// What belongs to an answer that was discarded. `data` may be null.
bool UpstreamRequest::swallow(buffer::Buffer* data, bool end_stream) {
  if (discarded_ == nullptr) return false;
  if (data != nullptr) data->clear();
  if (end_stream) discarded_ = nullptr;
  return true;
}

void UpstreamRequest::breakDiscarded() {
  if (discarded_ != nullptr) std::exchange(discarded_, nullptr)->reset();
}

}  // namespace weir::router
