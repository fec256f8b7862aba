#include "test/fakes/fake_http_calls.h"

#include <string>

#include "gtest/gtest.h"

namespace weir::router {
namespace {

// Worker-confined.
class Listener final : public HttpCallListener {
 public:
  void onHttpCallAnswer(HttpCallAnswer& answer) override {
    text = std::to_string(answer.head.status) + " " + std::string(answer.head.headers.get("x-a")) +
           " " + answer.body.toString() + " " + std::string(answer.trailers.get("x-b"));
  }
  void onHttpCallFailure(const http::StreamError& error) override {
    text = std::to_string(http::statusFor(error));
  }
  std::string text;
};

TEST(FakeHttpCalls, RecordsAndAnswers) {
  FakeHttpCalls calls;
  Listener listener;
  buffer::BlockPool blocks;
  buffer::Buffer body(blocks);
  body.append("hello");
  const HttpCallField field = {"x-f", "1"};
  HttpCallHandle handle = calls.start(
      {.cluster = "c", .method = "PUT", .authority = "a", .fields = {&field, 1}, .body = &body},
      listener);
  EXPECT_TRUE(body.empty());
  EXPECT_EQ(calls.last().method, "PUT");
  EXPECT_EQ(calls.last().body, "hello");
  EXPECT_EQ(calls.last().fields, (FakeHttpCalls::Fields{{"x-f", "1"}}));
  EXPECT_TRUE(calls.last().open());
  calls.answer(calls.last(), 201, "ok", {{"x-a", "2"}}, {{"x-b", "3"}});
  EXPECT_EQ(listener.text, "201 2 ok 3");
  EXPECT_FALSE(handle);
  EXPECT_FALSE(calls.last().open());
}

TEST(FakeHttpCalls, FailsAndIsCancelled) {
  FakeHttpCalls calls;
  Listener listener;
  HttpCallHandle handle = calls.start({.cluster = "c", .authority = "a"}, listener);
  calls.fail(calls.last(), http::ErrorReason::kRequestTimeout);
  EXPECT_EQ(listener.text, "504");
  handle = calls.start({.cluster = "c", .authority = "a"}, listener);
  handle.cancel();
  EXPECT_TRUE(calls.last().cancelled);
  EXPECT_FALSE(calls.last().open());
}

TEST(FakeHttpCalls, ForgetsOrRefuses) {
  FakeHttpCalls calls;
  EXPECT_TRUE(calls.startAndForget({.cluster = "c", .authority = "a"}));
  EXPECT_TRUE(calls.last().forgotten);
  calls.refuses_forgotten = true;
  EXPECT_FALSE(calls.startAndForget({.cluster = "c", .authority = "a"}));
  EXPECT_EQ(calls.calls.size(), 1u);
}

}  // namespace
}  // namespace weir::router
