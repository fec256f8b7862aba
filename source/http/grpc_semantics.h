#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "source/base/arena.h"
#include "source/http/header_map.h"

// What a proxy knows of gRPC over HTTP/2 (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): the one
// module that reads and writes its fields. Messages on the wire: grpc_frames.h.
namespace weir::http {

// google.rpc.Code, in the order of its numbers.
enum class GrpcStatus : uint8_t {
  kOk,
  kCancelled,
  kUnknown,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
  kUnauthenticated,
};
inline constexpr size_t kGrpcStatuses = 17;

// Of fields that have no HeaderId.
inline constexpr std::string_view kGrpcStatusName = "grpc-status";
inline constexpr std::string_view kGrpcMessageName = "grpc-message";
inline constexpr std::string_view kGrpcTimeoutName = "grpc-timeout";
inline constexpr std::string_view kGrpcContentType = "application/grpc";
inline constexpr std::string_view kGrpcWebContentType = "application/grpc-web";

// "application/grpc", alone or with a format ("+proto") or parameters, in any case. Not
// application/grpc-web.
bool isGrpcContentType(std::string_view content_type);
// Of a request or of a response.
inline bool isGrpc(const HeaderMap& headers) {
  return isGrpcContentType(headers.get(HeaderId::kContentType));
}

// gRPC-Web (doc/PROTOCOL-WEB.md): "application/grpc-web" or "application/grpc-web-text", likewise.
bool isGrpcWebContentType(std::string_view content_type);
// The content type of an answer of trailers only, which have the same form in gRPC and in gRPC-Web;
// empty: the request is neither.
std::string_view grpcReplyType(const HeaderMap& request);

std::string_view grpcStatusName(GrpcStatus status);    // "UNAVAILABLE"
std::string_view grpcStatusNumber(GrpcStatus status);  // "14"
std::optional<GrpcStatus> grpcStatusFromName(std::string_view name);
// The value of grpc-status. A number that is no status is kUnknown, as it is for clients; nullopt:
// not a number.
std::optional<GrpcStatus> parseGrpcStatus(std::string_view number);
// Of trailers, or of the head of a trailers-only response; nullopt: the field is absent, or not a
// number.
std::optional<GrpcStatus> grpcStatusIn(const HeaderMap& fields);

// What an HTTP status means that came without grpc-status (doc/http-grpc-status-mapping.md).
GrpcStatus httpToGrpc(uint16_t status);
// What a reply of our own means. Unlike the table for foreign answers it knows what we mean by 504
// (time is over), 408 and 413.
GrpcStatus replyToGrpc(uint16_t status);
// google.rpc.Code's table, for clients that speak plain HTTP.
uint16_t grpcToHttp(GrpcStatus status);

// Longest that grpc-timeout can say: 99999999 hours.
using GrpcTimeout = std::chrono::microseconds;
// "100m": one to eight digits and a unit of H M S m u n. What is below a microsecond is one.
// nullopt: malformed.
std::optional<GrpcTimeout> parseGrpcTimeout(std::string_view text);
// In the finest unit that fits into eight digits, rounded down, at least 1 microsecond.
std::string_view formatGrpcTimeout(GrpcTimeout timeout, std::span<char, 9> room);

// Percent-encoded as grpc-message wants it: all but printable ASCII, and "%". A view of `message`
// itself when there is nothing to encode.
std::string_view encodeGrpcMessage(std::string_view message, base::Arena& arena);
// What is no valid escape stays as it is.
std::string decodeGrpcMessage(std::string_view encoded);

}  // namespace weir::http
