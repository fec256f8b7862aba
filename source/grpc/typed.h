#pragma once

#include <google/protobuf/message_lite.h>

#include <memory>
#include <string_view>
#include <utility>

#include "source/grpc/unary.h"

// Calls whose messages are Protobuf's: a thin layer over Call and UnaryCall.
namespace weir::grpc {

// False: the bytes are no such message.
template <class Message>
[[nodiscard]] bool parseMessage(std::string_view bytes, Message& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}
inline Status unreadable(const google::protobuf::MessageLite& message) {
  return {Code::kInternal, "the server's message is no " + message.GetTypeName()};
}

// A unary call; `done` gets the status and, when that is OK, the answer. The rest is as for
// UnaryCall.
template <class Response>
using TypedUnaryDone = absl::AnyInvocable<void(const Status& status, const Response& response)>;
template <class Response>
std::unique_ptr<UnaryCall> callUnary(Channel& channel, std::string_view path,
                                     const google::protobuf::MessageLite& request,
                                     CallOptions options, TypedUnaryDone<Response> done) {
  return std::make_unique<UnaryCall>(
      channel, path, request.SerializeAsString(), std::move(options),
      [done = std::move(done)](UnaryResult result) mutable {
        Response response;
        if (result.status.ok() && !parseMessage(result.message, response)) {
          result.status = unreadable(response);
        }
        done(result.status, response);
      });
}

// Receives what happens on a TypedCall; the rest is as for CallHandler. Worker-confined.
template <class Response>
class TypedCallHandler {
 public:
  virtual void onHeaders(const Metadata&) {}
  virtual void onMessage(const Response& message) = 0;
  virtual void onWritable() {}
  virtual void onClosed(const Status& status, const Metadata& trailers) = 0;

 protected:
  ~TypedCallHandler() = default;
};

// A stream of Requests out and Responses in. A message that cannot be read ends it with INTERNAL.
// The rest is as for Call. Worker-confined.
template <class Request, class Response>
class TypedCall final : private CallHandler {
 public:
  TypedCall(Channel& channel, std::string_view path, CallOptions options,
            TypedCallHandler<Response>& handler)
      : handler_(handler), call_(channel.start(path, std::move(options), *this)) {}

  [[nodiscard]] bool send(const Request& message) {
    return call_->send(message.SerializeAsString());
  }
  bool writable() { return call_->writable(); }
  void closeSend() { call_->closeSend(); }
  void setReadEnabled(bool enabled) { call_->setReadEnabled(enabled); }
  void cancel(Status status = {Code::kCancelled, "cancelled"}) { call_->cancel(std::move(status)); }

 private:
  void onHeaders(const Metadata& headers) override { handler_.onHeaders(headers); }
  void onMessage(std::string_view bytes) override {
    Response message;
    if (!parseMessage(bytes, message)) return call_->cancel(unreadable(message));
    handler_.onMessage(message);
  }
  void onWritable() override { handler_.onWritable(); }
  void onClosed(const Status& status, const Metadata& trailers) override {
    handler_.onClosed(status, trailers);
  }

  TypedCallHandler<Response>& handler_;
  std::unique_ptr<Call> call_;
};

}  // namespace weir::grpc
