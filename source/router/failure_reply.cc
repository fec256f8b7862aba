#include "source/router/failure_reply.h"

#include <string_view>

namespace weir::router {
namespace {

using http::ErrorOrigin;
using http::ErrorReason;
using http::StreamError;

std::string_view messageFor(const StreamError& error) {
  switch (error.reason) {
    case ErrorReason::kNoRoute:
      return "no route for this host and path\n";
    case ErrorReason::kNoCluster:
      return "the route's cluster does not exist\n";
    case ErrorReason::kNoHealthyEndpoint:
      return "no healthy endpoint\n";
    case ErrorReason::kOverflow:
      return "too many connections or waiting requests to the endpoint\n";
    case ErrorReason::kConnectFailure:
      return "cannot connect to the endpoint\n";
    case ErrorReason::kConnectTimeout:
      return "connecting to the endpoint took too long\n";
    case ErrorReason::kRequestTimeout:
    case ErrorReason::kIdleTimeout:
      return "the endpoint did not answer in time\n";
    case ErrorReason::kProtocol:
    case ErrorReason::kHeadTooLarge:
      return error.origin == ErrorOrigin::kDownstream ? "the request is not valid\n"
                                                      : "the endpoint's answer is not valid HTTP\n";
    case ErrorReason::kStreamReset:
      return "the endpoint gave the request up\n";
    default:
      return "the connection to the endpoint broke before it had answered\n";
  }
}

}  // namespace

http::GrpcStatus grpcStatusFor(const StreamError& error) {
  // It is not the call's time that is over: another endpoint may do.
  if (error.reason == ErrorReason::kConnectTimeout) return http::GrpcStatus::kUnavailable;
  return http::replyToGrpc(http::statusFor(error));
}

http::LocalReply replyFor(const StreamError& error) {
  return {.status = http::statusFor(error),
          .body = messageFor(error),
          .flag = http::flagFor(error),
          .detail = error.detail(),
          .grpc_status = grpcStatusFor(error)};
}

}  // namespace weir::router
