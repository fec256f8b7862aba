// In the steady state heads are read and written without the heap.
#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/field_lists.h"
#include "test/support/allocation_counter.h"

namespace weir::http::http2 {
namespace {

TEST(HeadAllocationTest, HeadsOfRpcsTakeNothingFromTheHeap) {
  if (!test::AllocationCounter::available()) GTEST_SKIP() << "a sanitizer allocates";
  const FieldList fields = {{":method", "POST"},
                            {":scheme", "http"},
                            {":path", "/weir.test.Echo/Say"},
                            {":authority", "origin.example:50051"},
                            {"te", "trailers"},
                            {"content-type", "application/grpc"},
                            {"user-agent", "grpc-c++/1.51.1 grpc-c/29.0.0 (linux; chttp2)"},
                            {"grpc-accept-encoding", "identity, deflate, gzip"},
                            {"cookie", "a=1"},
                            {"cookie", "b=2"}};
  const FieldList answer = {{":status", "200"}, {"content-type", "application/grpc"}};
  const FieldList trailing = {{"grpc-status", "0"}, {"grpc-message", ""}};
  HeadReader reader;
  HeadWriter writer;
  RequestHead request;
  ResponseHead response;
  base::Arena arena;
  HeaderMap trailers(arena);
  size_t failures = 0;
  const auto exchange = [&] {
    failures += readRequest(reader, request, fields, false).reason != ErrorReason::kNone;
    request.headers.add("X-Added", "by a filter");
    failures += writer.request(request, false).size() != 10;
    failures += readResponse(reader, response, answer, false).reason != ErrorReason::kNone;
    failures += writer.response(response, false, false).size() != 2;
    trailers.clear();
    arena.clear();
    failures += readTrailers(reader, trailers, trailing).reason != ErrorReason::kNone;
    failures += writer.trailers(trailers).size() != 2;
  };
  for (int i = 0; i < 10; ++i) exchange();
  const test::AllocationCounter counter("");
  for (int i = 0; i < 100; ++i) exchange();
  EXPECT_EQ(counter.count(), 0u);
  EXPECT_EQ(failures, 0u);
}

}  // namespace
}  // namespace weir::http::http2
