#include "source/grpc/unary.h"

#include "source/grpc/health.pb.h"
#include "source/grpc/typed.h"
#include "test/grpc/fixture.h"

namespace weir::grpc::test {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

class UnaryTest : public ChannelTest {
 protected:
  void call(std::string_view request = "question", CallOptions options = {}) {
    if (channel_ == nullptr) open();
    result_.reset();
    unary_ = std::make_unique<UnaryCall>(*channel_, "/test.Echo/Ask", request, std::move(options),
                                         [this](UnaryResult result) {
                                           ++answers_;
                                           result_ = std::move(result);
                                           unary_.reset();
                                         });
  }
  bool answered() {
    return worker_.until([&] { return result_.has_value(); });
  }

  std::unique_ptr<UnaryCall> unary_;
  std::optional<UnaryResult> result_;
  int answers_ = 0;
};

TEST_F(UnaryTest, AsksAndIsAnswered) {
  server_.on_request = [](ServerStream& stream) {
    stream.head({{"x-head", "h"}});
    stream.message("answer");
    stream.trailers({{"grpc-status", "0"}, {"x-trailer", "t"}});
  };
  call();
  ASSERT_TRUE(answered());
  EXPECT_TRUE(result_->status.ok()) << result_->status.toString();
  EXPECT_EQ(result_->message, "answer");
  EXPECT_EQ(valueOf(result_->headers, "x-head"), "h");
  EXPECT_EQ(valueOf(result_->trailers, "x-trailer"), "t");
  EXPECT_EQ(server_.stream(0).messages(), std::vector<std::string>{"question"});
  EXPECT_TRUE(server_.stream(0).ended);
}

TEST_F(UnaryTest, GetsTheStatusOfTheServer) {
  server_.on_request = [](ServerStream& stream) { stream.status(5, "nothing here"); };
  call();
  ASSERT_TRUE(answered());
  EXPECT_EQ(result_->status.toString(), "NOT_FOUND: nothing here");
  EXPECT_EQ(result_->message, "");
}

TEST_F(UnaryTest, WantsExactlyOneMessage) {
  server_.on_request = [](ServerStream& stream) {
    stream.head();
    stream.status(0);
  };
  call();
  ASSERT_TRUE(answered());
  EXPECT_EQ(result_->status.code, Code::kUnimplemented);
  EXPECT_NE(result_->status.message.find("without a message"), std::string::npos);
  server_.on_request = [](ServerStream& stream) {
    stream.head();
    stream.message("one");
    stream.message("two");
  };
  call();
  ASSERT_TRUE(answered());
  EXPECT_EQ(result_->status.code, Code::kUnimplemented);
  EXPECT_NE(result_->status.message.find("several messages"), std::string::npos);
  EXPECT_EQ(result_->message, "");
}

TEST_F(UnaryTest, KeepsToItsDeadline) {
  call("question", {.timeout = std::chrono::milliseconds(100)});
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty(); }));
  advance(std::chrono::milliseconds(150));
  ASSERT_TRUE(answered());
  EXPECT_EQ(result_->status.code, Code::kDeadlineExceeded);
}

TEST_F(UnaryTest, IsForgottenWhenDestroyed) {
  call();
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty(); }));
  unary_.reset();
  ASSERT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
  EXPECT_EQ(answers_, 0);
  call();
  unary_->cancel();
  ASSERT_TRUE(answered());
  EXPECT_EQ(result_->status.code, Code::kCancelled);
}

TEST_F(UnaryTest, MayBeginWithWhatIsRefused) {
  call("question", {.metadata = {{"Not-Allowed", "x"}}});
  ASSERT_TRUE(answered());
  EXPECT_EQ(result_->status.code, Code::kInternal);
}

class TypedTest : public UnaryTest, public TypedCallHandler<HealthCheckResponse> {
 protected:
  using Typed = TypedCall<HealthCheckRequest, HealthCheckResponse>;
  void onHeaders(const Metadata& metadata) override { headers_ = metadata; }
  void onMessage(const HealthCheckResponse& message) override {
    answers_of_stream_.push_back(message.status());
  }
  void onClosed(const Status& status, const Metadata&) override { closed_ = status; }

  static std::string serving() {
    HealthCheckResponse response;
    response.set_status(HealthCheckResponse::SERVING);
    return response.SerializeAsString();
  }
  Metadata headers_;
  std::vector<int> answers_of_stream_;
  std::optional<Status> closed_;
};

TEST_F(TypedTest, ReadsAndWritesMessages) {
  open();
  server_.on_request = [](ServerStream& stream) { stream.reply(serving()); };
  HealthCheckRequest request;
  request.set_service("shop");
  std::optional<Status> status;
  int health = -1;
  auto typed = callUnary<HealthCheckResponse>(
      *channel_, "/grpc.health.v1.Health/Check", request, {},
      [&](const Status& closed_status, const HealthCheckResponse& response) {
        status = closed_status;
        health = response.status();
      });
  ASSERT_TRUE(worker_.until([&] { return status.has_value(); }));
  EXPECT_TRUE(status->ok()) << status->toString();
  EXPECT_EQ(health, HealthCheckResponse::SERVING);
  EXPECT_EQ(server_.stream(0).messages(), std::vector<std::string>{request.SerializeAsString()});
}

TEST_F(TypedTest, TellsOfAnAnswerThatIsNoSuchMessage) {
  open();
  server_.on_request = [](ServerStream& stream) { stream.reply("\xff\xff\xff"); };
  std::optional<Status> status;
  auto typed = callUnary<HealthCheckResponse>(
      *channel_, "/a/b", HealthCheckRequest(), {},
      [&](const Status& closed_status, const HealthCheckResponse&) { status = closed_status; });
  ASSERT_TRUE(worker_.until([&] { return status.has_value(); }));
  EXPECT_EQ(status->toString(),
            "INTERNAL: the server's message is no grpc.health.v1.HealthCheckResponse");
}

TEST_F(TypedTest, StreamsMessages) {
  open();
  Typed stream(*channel_, "/a/b", {}, *this);
  HealthCheckRequest request;
  request.set_service("one");
  ASSERT_TRUE(stream.send(request));
  stream.closeSend();
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty() && server_.stream(0).ended; }));
  server_.stream(0).head({{"x", "y"}});
  server_.stream(0).message(serving());
  server_.stream(0).message("");
  ASSERT_TRUE(worker_.until([&] { return answers_of_stream_.size() == 2; }));
  EXPECT_EQ(answers_of_stream_, (std::vector<int>{HealthCheckResponse::SERVING, 0}));
  EXPECT_EQ(valueOf(headers_, "x"), "y");
  server_.stream(0).message("\xff");
  ASSERT_TRUE(worker_.until([&] { return closed_.has_value(); }));
  EXPECT_EQ(closed_->code, Code::kInternal);
  EXPECT_FALSE(stream.writable());
}

}  // namespace
}  // namespace weir::grpc::test
