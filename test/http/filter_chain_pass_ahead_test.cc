// Filters that take body out and let it go in their own time.
#include <gtest/gtest.h>

#include <string>

#include "source/http/filter_chain.h"
#include "test/http/filter_chain_fixture.h"

namespace weir::http {
namespace {

class PassAheadTest : public ::testing::Test, protected ChainUnderTest {
 protected:
  // Takes each piece out and pauses.
  void takeAll(FilterScript& script) {
    script.needs = {.request = BodyMode::kStream, .response = BodyMode::kStream};
    script.request_body = script.response_body = [&](FilterHandle&, buffer::Buffer& data, bool) {
      taken_ += data.toString();
      data.clear();
      return Verdict::kPause;
    };
  }
  void pass(size_t count, bool to_request, FilterHandle& handle) {
    buffer::Buffer data(blocks);
    data.append(taken_.substr(0, count));
    taken_.erase(0, count);
    to_request ? handle.passRequestBody(data) : handle.passResponseBody(data);
  }
  std::string taken_;
};

TEST_F(PassAheadTest, PiecesGoWhileTheFilterPauses) {
  takeAll(a);
  build({&a, &b});
  chain.requestHead(false);
  sendBody("abc", false);
  sendBody("def", false);  // waits in the chain
  EXPECT_EQ(taken_, "abc");
  pass(2, true, *a.handle);
  EXPECT_EQ(seen().body, "ab");
  pass(1, true, *a.handle);
  a.handle->resumeRequest();
  EXPECT_EQ(seen().body, "abc");
  EXPECT_EQ(taken_, "def");
  chain.requestBody(*std::make_unique<buffer::Buffer>(blocks), true);
  pass(3, true, *a.handle);
  a.handle->resumeRequest();
  EXPECT_EQ(seen().body, "abcdef");
  EXPECT_FALSE(seen().complete);
  a.handle->resumeRequest();
  EXPECT_TRUE(seen().complete);
  pass(0, true, *a.handle);
}

TEST_F(PassAheadTest, OfAResponseUntilItsEndHasGone) {
  takeAll(b);
  build({&a, &b});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send("abcdef", true);
  EXPECT_EQ(sink.body, "");
  pass(4, false, *b.handle);
  EXPECT_EQ(sink.body, "abcd");
  EXPECT_FALSE(sink.ended);
  pass(2, false, *b.handle);
  b.handle->resumeResponse();
  EXPECT_EQ(sink.body, "abcdef");
  EXPECT_TRUE(sink.ended);
  taken_ = "late";
  pass(4, false, *b.handle);
  EXPECT_EQ(sink.body, "abcdef");
  EXPECT_FALSE(sink.after_end);
}

TEST_F(PassAheadTest, NothingBeforeTheHeadHasGone) {
  takeAll(a);
  a.response_head = [](FilterHandle&, ResponseHead&, bool) { return Verdict::kPause; };
  build({&a});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  taken_ = "early";
  pass(5, false, *a.handle);
  a.handle->resumeResponse();
  EXPECT_EQ(sink.heads, 1);
  EXPECT_EQ(sink.body, "");
  EXPECT_FALSE(sink.body_before_head);
}

}  // namespace
}  // namespace weir::http
