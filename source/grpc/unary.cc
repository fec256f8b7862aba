#include "source/grpc/unary.h"

#include <utility>

namespace weir::grpc {
namespace {

// Both are what the protocol's table of statuses calls a violation of cardinality.
Status cardinality(std::string_view what) {
  return {Code::kUnimplemented, std::string(what)};
}

}  // namespace

UnaryCall::UnaryCall(Channel& channel, std::string_view path, std::string_view request,
                     CallOptions options, UnaryDone done)
    : done_(std::move(done)), call_(channel.start(path, std::move(options), *this)) {
  // Refused only when the call is over already, of which onClosed() tells.
  if (call_->send(request)) call_->closeSend();
}

void UnaryCall::onMessage(std::string_view message) {
  if (++messages_ > 1) {
    return call_->cancel(cardinality("the server sent several messages where one is due"));
  }
  result_.message = message;
}

void UnaryCall::onClosed(const Status& status, const Metadata& trailers) {
  result_.status = status;
  result_.trailers = trailers;
  if (status.ok() && messages_ == 0) {
    result_.status = cardinality("the server ended the call without a message");
  }
  if (!result_.status.ok()) result_.message.clear();
  UnaryDone done = std::move(done_);
  done(std::move(result_));
}

}  // namespace weir::grpc
