#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"

#include "source/grpc/channel.h"

namespace weir::grpc {

// What a unary call came to. `message` only when the status is OK. Value.
struct UnaryResult {
  Status status;
  std::string message = {};
  Metadata headers = {};
  Metadata trailers = {};
};
using UnaryDone = absl::AnyInvocable<void(UnaryResult result)>;

// One request, one answer. Calls `done` once, later; it may destroy the call. Destroying the call
// before cancels it and forgets `done`. Worker-confined.
class UnaryCall final : private CallHandler {
 public:
  UnaryCall(Channel& channel, std::string_view path, std::string_view request, CallOptions options,
            UnaryDone done);

  // `done` gets CANCELLED, unless it was called.
  void cancel() { call_->cancel(); }

 private:
  void onHeaders(const Metadata& headers) override { result_.headers = headers; }
  void onMessage(std::string_view message) override;
  void onClosed(const Status& status, const Metadata& trailers) override;

  UnaryDone done_;
  UnaryResult result_;
  int messages_ = 0;
  std::unique_ptr<Call> call_;
};

}  // namespace weir::grpc
