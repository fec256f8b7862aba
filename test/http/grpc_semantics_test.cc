#include "source/http/grpc_semantics.h"

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace weir::http {
namespace {

using namespace std::chrono_literals;

TEST(GrpcSemanticsTest, ContentTypes) {
  for (const char* yes :
       {"application/grpc", "application/grpc+proto", "application/grpc+json", "Application/GRPC",
        "application/grpc;charset=utf-8", "application/grpc ; x=y"}) {
    EXPECT_TRUE(isGrpcContentType(yes)) << yes;
  }
  for (const char* no :
       {"", "application/grp", "application/grpc-web", "application/grpc-web+proto",
        "application/grpc-web-text", "application/grpcx", "text/plain", " application/grpc"}) {
    EXPECT_FALSE(isGrpcContentType(no)) << no;
  }
  for (const char* web : {"application/grpc-web", "application/grpc-web+proto",
                          "Application/gRPC-Web-Text", "application/grpc-web-text+proto ;x=y"}) {
    EXPECT_TRUE(isGrpcWebContentType(web)) << web;
    EXPECT_FALSE(isGrpcContentType(web)) << web;
  }
  for (const char* no : {"", "application/grpc", "application/grpc-webx", "application/grpc-web-",
                         "application/grpc-web-texts", "application/grpc+web"}) {
    EXPECT_FALSE(isGrpcWebContentType(no)) << no;
  }
  base::Arena arena;
  HeaderMap headers(arena);
  EXPECT_FALSE(isGrpc(headers));
  EXPECT_EQ(grpcReplyType(headers), "");
  headers.add("Content-Type", "application/grpc+proto");
  EXPECT_TRUE(isGrpc(headers));
  EXPECT_EQ(grpcReplyType(headers), "application/grpc");
  headers.set("Content-Type", "application/grpc-web+proto; charset=utf-8");
  EXPECT_EQ(grpcReplyType(headers), "application/grpc-web+proto");
}

// google/rpc/code.proto: number, name and the HTTP status written beside it.
TEST(GrpcSemanticsTest, Statuses) {
  struct Row {
    GrpcStatus status;
    const char* number;
    const char* name;
    uint16_t http;
  };
  const Row rows[] = {
      {GrpcStatus::kOk, "0", "OK", 200},
      {GrpcStatus::kCancelled, "1", "CANCELLED", 499},
      {GrpcStatus::kUnknown, "2", "UNKNOWN", 500},
      {GrpcStatus::kInvalidArgument, "3", "INVALID_ARGUMENT", 400},
      {GrpcStatus::kDeadlineExceeded, "4", "DEADLINE_EXCEEDED", 504},
      {GrpcStatus::kNotFound, "5", "NOT_FOUND", 404},
      {GrpcStatus::kAlreadyExists, "6", "ALREADY_EXISTS", 409},
      {GrpcStatus::kPermissionDenied, "7", "PERMISSION_DENIED", 403},
      {GrpcStatus::kResourceExhausted, "8", "RESOURCE_EXHAUSTED", 429},
      {GrpcStatus::kFailedPrecondition, "9", "FAILED_PRECONDITION", 400},
      {GrpcStatus::kAborted, "10", "ABORTED", 409},
      {GrpcStatus::kOutOfRange, "11", "OUT_OF_RANGE", 400},
      {GrpcStatus::kUnimplemented, "12", "UNIMPLEMENTED", 501},
      {GrpcStatus::kInternal, "13", "INTERNAL", 500},
      {GrpcStatus::kUnavailable, "14", "UNAVAILABLE", 503},
      {GrpcStatus::kDataLoss, "15", "DATA_LOSS", 500},
      {GrpcStatus::kUnauthenticated, "16", "UNAUTHENTICATED", 401},
  };
  static_assert(std::size(rows) == kGrpcStatuses);
  for (const Row& row : rows) {
    EXPECT_EQ(grpcStatusNumber(row.status), row.number);
    EXPECT_EQ(grpcStatusName(row.status), row.name);
    EXPECT_EQ(grpcToHttp(row.status), row.http) << row.name;
    EXPECT_EQ(parseGrpcStatus(row.number), row.status);
    EXPECT_EQ(grpcStatusFromName(row.name), row.status);
  }
  EXPECT_EQ(grpcStatusFromName("unavailable"), std::nullopt);
  EXPECT_EQ(grpcStatusFromName(""), std::nullopt);
}

TEST(GrpcSemanticsTest, StatusesThatAreNone) {
  EXPECT_EQ(parseGrpcStatus("17"), GrpcStatus::kUnknown);
  EXPECT_EQ(parseGrpcStatus("99999999999999999999999999"), GrpcStatus::kUnknown);
  EXPECT_EQ(parseGrpcStatus("014"), GrpcStatus::kUnavailable);
  for (const char* bad : {"", " 1", "1 ", "-1", "+1", "1.0", "OK", "0x1"}) {
    EXPECT_EQ(parseGrpcStatus(bad), std::nullopt) << bad;
  }
  base::Arena arena;
  HeaderMap trailers(arena);
  EXPECT_EQ(grpcStatusIn(trailers), std::nullopt);
  trailers.add("Grpc-Status", "5");
  EXPECT_EQ(grpcStatusIn(trailers), GrpcStatus::kNotFound);
}

TEST(GrpcSemanticsTest, HttpStatuses) {
  struct Row {
    uint16_t http;
    GrpcStatus foreign;
    GrpcStatus own;
  };
  using enum GrpcStatus;
  const Row rows[] = {
      {200, kUnknown, kUnknown},
      {302, kUnknown, kUnknown},
      {400, kInternal, kInternal},
      {401, kUnauthenticated, kUnauthenticated},
      {403, kPermissionDenied, kPermissionDenied},
      {404, kUnimplemented, kUnimplemented},
      {408, kUnknown, kDeadlineExceeded},
      {413, kUnknown, kResourceExhausted},
      {414, kUnknown, kResourceExhausted},
      {429, kUnavailable, kUnavailable},
      {431, kUnknown, kResourceExhausted},
      {500, kUnknown, kInternal},
      {501, kUnknown, kUnimplemented},
      {502, kUnavailable, kUnavailable},
      {503, kUnavailable, kUnavailable},
      {504, kUnavailable, kDeadlineExceeded},
      {599, kUnknown, kUnknown},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(httpToGrpc(row.http), row.foreign) << row.http;
    EXPECT_EQ(replyToGrpc(row.http), row.own) << row.http;
  }
}

TEST(GrpcSemanticsTest, TimeoutsAreRead) {
  EXPECT_EQ(parseGrpcTimeout("100m"), 100ms);
  EXPECT_EQ(parseGrpcTimeout("1H"), 1h);
  EXPECT_EQ(parseGrpcTimeout("2M"), 2min);
  EXPECT_EQ(parseGrpcTimeout("30S"), 30s);
  EXPECT_EQ(parseGrpcTimeout("7u"), 7us);
  EXPECT_EQ(parseGrpcTimeout("1n"), 1us);
  EXPECT_EQ(parseGrpcTimeout("1000n"), 1us);
  EXPECT_EQ(parseGrpcTimeout("1001n"), 2us);
  EXPECT_EQ(parseGrpcTimeout("0S"), 0us);
  EXPECT_EQ(parseGrpcTimeout("00000001m"), 1ms);
  EXPECT_EQ(parseGrpcTimeout("99999999H"), std::chrono::hours(99999999));
  EXPECT_EQ(parseGrpcTimeout("99999999n"), 100000us);
  for (const char* bad : {"", "m", "1", "100", "100000000m", "1s", "1h", "1ms", "-1m", "+1m", " 1m",
                          "1 m", "1m ", "1.5S", "0x1S", "1mm", "99999999999999999999S"}) {
    EXPECT_EQ(parseGrpcTimeout(bad), std::nullopt) << bad;
  }
}

TEST(GrpcSemanticsTest, TimeoutsAreWritten) {
  std::array<char, 9> room;
  EXPECT_EQ(formatGrpcTimeout(100ms, room), "100000u");
  EXPECT_EQ(formatGrpcTimeout(99999999us, room), "99999999u");
  EXPECT_EQ(formatGrpcTimeout(100000000us, room), "100000m");
  EXPECT_EQ(formatGrpcTimeout(100000999us, room), "100000m");
  EXPECT_EQ(formatGrpcTimeout(99999999ms + 1ms, room), "100000S");
  EXPECT_EQ(formatGrpcTimeout(std::chrono::seconds(100000000), room), "1666666M");
  EXPECT_EQ(formatGrpcTimeout(std::chrono::minutes(100000000), room), "1666666H");
  EXPECT_EQ(formatGrpcTimeout(GrpcTimeout::max(), room), "99999999H");
  EXPECT_EQ(formatGrpcTimeout(0us, room), "1u");
  EXPECT_EQ(formatGrpcTimeout(-5us, room), "1u");
  // What is written is read, and is never more than was meant.
  for (int64_t us = 1; us < 400'000'000'000'000'000; us = us * 3 + 1) {
    const auto read = parseGrpcTimeout(formatGrpcTimeout(GrpcTimeout(us), room));
    ASSERT_TRUE(read) << us;
    EXPECT_LE(read->count(), us);
    EXPECT_GE(read->count(), us - us / 100);
  }
}

TEST(GrpcSemanticsTest, MessagesAreEncoded) {
  base::Arena arena;
  const std::string_view plain = "no healthy endpoint: ~all of them!";
  EXPECT_EQ(encodeGrpcMessage(plain, arena).data(), plain.data());
  EXPECT_EQ(encodeGrpcMessage("", arena), "");
  EXPECT_EQ(encodeGrpcMessage("100%\r\n", arena), "100%25%0D%0A");
  EXPECT_EQ(encodeGrpcMessage("caf\xc3\xa9\x7f", arena), "caf%C3%A9%7F");
  EXPECT_EQ(encodeGrpcMessage(std::string_view("\0", 1), arena), "%00");
}

TEST(GrpcSemanticsTest, MessagesAreDecoded) {
  EXPECT_EQ(decodeGrpcMessage("caf%C3%a9"), "caf\xc3\xa9");
  EXPECT_EQ(decodeGrpcMessage("100%25"), "100%");
  EXPECT_EQ(decodeGrpcMessage("%"), "%");
  EXPECT_EQ(decodeGrpcMessage("%4"), "%4");
  EXPECT_EQ(decodeGrpcMessage("%zz%41"), "%zzA");
  EXPECT_EQ(decodeGrpcMessage("%%41"), "%A");
  base::Arena arena;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(decodeGrpcMessage(encodeGrpcMessage(all, arena)), all);
}

}  // namespace
}  // namespace weir::http
