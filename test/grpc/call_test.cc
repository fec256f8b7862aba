#include "source/grpc/call.h"

#include "test/grpc/fixture.h"

namespace weir::grpc::test {
namespace {

using std::chrono::milliseconds;

class CallTest : public ChannelTest {};

TEST_F(CallTest, SendsTheHeadThatTheProtocolAsksFor) {
  ChannelConfig with = config();
  with.authority = "shop.example";
  with.user_agent = "weir-test/1";
  with.metadata = {{"x-every", "call"}};
  open(std::move(with));
  startAndArrive(
      {.timeout = milliseconds(2'500), .metadata = {{"x-mine", "1"}, {"id-bin", "\xff"}}});
  const ServerStream& stream = server_.stream(0);
  EXPECT_EQ(stream.header(":method"), "POST");
  EXPECT_EQ(stream.header(":scheme"), "http");
  EXPECT_EQ(stream.header(":path"), "/test.Echo/Talk");
  EXPECT_EQ(stream.header(":authority"), "shop.example");
  EXPECT_EQ(stream.header("te"), "trailers");
  EXPECT_EQ(stream.header("content-type"), "application/grpc");
  EXPECT_EQ(stream.header("user-agent"), "weir-test/1");
  EXPECT_EQ(stream.header("grpc-timeout"), "2500000u");
  EXPECT_EQ(stream.header("x-every"), "call");
  EXPECT_EQ(stream.header("x-mine"), "1");
  EXPECT_EQ(stream.header("id-bin"), "/w");
  EXPECT_EQ(stream.header("content-length"), "");
}

TEST_F(CallTest, SaysNoTimeoutWithoutADeadlineAndTheAddressAsAuthority) {
  startAndArrive();
  EXPECT_EQ(server_.stream(0).header("grpc-timeout"), "");
  EXPECT_EQ(server_.stream(0).header(":authority"), server_.address().toString());
}

TEST_F(CallTest, TakesForeverForALongTimeout) {
  startAndArrive({.timeout = milliseconds::max()});
  EXPECT_EQ(server_.stream(0).header("grpc-timeout"), "");
}

TEST_F(CallTest, TalksBothWays) {
  startAndArrive();
  ServerStream& stream = server_.stream(0);
  stream.head({{"x-from", "server"}});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(call_->send("ping " + std::to_string(i)));
    ASSERT_TRUE(worker_.until([&] { return stream.messages().size() == size_t(i) + 1; }));
    stream.message("pong " + std::to_string(i));
    ASSERT_TRUE(worker_.until([&] { return handler_.messages.size() == size_t(i) + 1; }));
  }
  EXPECT_EQ(stream.messages().back(), "ping 4");
  EXPECT_EQ(handler_.messages.back(), "pong 4");
  EXPECT_EQ(valueOf(*handler_.headers, "x-from"), "server");
  EXPECT_FALSE(stream.ended);
  call_->closeSend();
  ASSERT_TRUE(worker_.until([&] { return stream.ended; }));
  stream.trailers({{"grpc-status", "0"}, {"x-end", "yes"}, {"x-end-bin", "AQ"}});
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok());
  EXPECT_EQ(valueOf(handler_.trailers, "x-end"), "yes");
  EXPECT_EQ(valueOf(handler_.trailers, "x-end-bin"), "\x01");
  EXPECT_FALSE(call_->send("late"));
  EXPECT_FALSE(call_->writable());
  EXPECT_EQ(worker_.counter("grpc_client_calls_total", {{"status", "OK"}}), 1);
}

TEST_F(CallTest, QueuesWhatIsSentBeforeThereIsAConnection) {
  start();
  ASSERT_TRUE(call_->send("one"));
  ASSERT_TRUE(call_->send(""));
  ASSERT_TRUE(call_->send("three"));
  call_->closeSend();
  EXPECT_FALSE(call_->send("four"));
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty() && server_.stream(0).ended; }));
  EXPECT_EQ(server_.stream(0).messages(), (std::vector<std::string>{"one", "", "three"}));
}

TEST_F(CallTest, EndsTheRequestWithItsHeadWhenThereIsNoMessage) {
  start();
  call_->closeSend();
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty(); }));
  EXPECT_TRUE(server_.stream(0).ended);
}

TEST_F(CallTest, TakesMessagesCutAnywhere) {
  startAndArrive();
  ServerStream& stream = server_.stream(0);
  stream.head();
  const std::string bytes = framed("first") + framed("") + framed(std::string(40'000, 'x'));
  for (size_t i = 0; i < 20; ++i) {
    stream.data(bytes.substr(i, 1));
    worker_.settle();
  }
  stream.data(bytes.substr(20));
  stream.status(0);
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok()) << handler_.text();
  EXPECT_EQ(handler_.messages, (std::vector<std::string>{"first", "", std::string(40'000, 'x')}));
}

TEST_F(CallTest, TakesATrailersOnlyAnswer) {
  startAndArrive();
  server_.stream(0).rawHead({{":status", "200"},
                             {"content-type", "application/grpc"},
                             {"grpc-status", "7"},
                             {"grpc-message", "not%20you"},
                             {"x-why", "because"}},
                            true);
  expectStatus(Code::kPermissionDenied, "not you");
  EXPECT_FALSE(handler_.headers.has_value());
  EXPECT_EQ(valueOf(handler_.trailers, "x-why"), "because");
}

TEST_F(CallTest, HandsOverMessagesBeforeAStatusThatIsNotOk) {
  startAndArrive();
  server_.stream(0).head();
  server_.stream(0).message("partial result");
  server_.stream(0).trailers({{"grpc-status", "10"}, {"grpc-status-details-bin", "AQID"}});
  expectStatus(Code::kAborted, "");
  EXPECT_EQ(handler_.messages, std::vector<std::string>{"partial result"});
  EXPECT_EQ(handler_.status->details, "\x01\x02\x03");
}

// What servers must not send.

TEST_F(CallTest, MapsAnswersThatAreNotOfGrpc) {
  const std::vector<std::pair<std::string, Code>> cases = {
      {"400", Code::kInternal},         {"401", Code::kUnauthenticated},
      {"403", Code::kPermissionDenied}, {"404", Code::kUnimplemented},
      {"429", Code::kUnavailable},      {"502", Code::kUnavailable},
      {"503", Code::kUnavailable},      {"504", Code::kUnavailable},
      {"500", Code::kUnknown},          {"302", Code::kUnknown}};
  for (const auto& [status, code] : cases) {
    for (const bool with_body : {false, true}) {
      handler_ = {};
      startAndArrive();
      ServerStream& stream = *server_.streams().back();
      stream.rawHead({{":status", status}, {"content-type", "text/html"}}, !with_body);
      if (with_body) stream.data("<html>", true);
      expectStatus(code, "HTTP status " + status);
    }
  }
}

TEST_F(CallTest, BelievesGrpcStatusBesideAnHttpStatus) {
  startAndArrive();
  server_.stream(0).rawHead({{":status", "503"}, {"grpc-status", "8"}, {"grpc-message", "busy"}},
                            true);
  expectStatus(Code::kResourceExhausted, "busy");
}

TEST_F(CallTest, RefusesAnotherContentType) {
  startAndArrive();
  server_.stream(0).rawHead({{":status", "200"}, {"content-type", "text/html\x7f"}}, false);
  server_.stream(0).data("<html>", true);
  ASSERT_TRUE(closed());
  EXPECT_FALSE(handler_.status->ok());
  handler_ = {};
  startAndArrive();
  server_.streams().back()->rawHead({{":status", "200"}, {"content-type", "text/html"}}, false);
  expectStatus(Code::kUnknown, "content-type is \"text/html\"");
}

TEST_F(CallTest, MissesAStatus) {
  startAndArrive();
  server_.stream(0).head();
  server_.stream(0).data(framed("x"), true);
  expectStatus(Code::kUnknown, "without grpc-status");
  handler_ = {};
  startAndArrive();
  server_.streams().back()->head();
  server_.streams().back()->trailers({{"grpc-status", "one"}});
  expectStatus(Code::kUnknown, "not a number");
}

TEST_F(CallTest, MissesTheEndOfAMessage) {
  startAndArrive();
  server_.stream(0).head();
  server_.stream(0).data(framed("whole") + framed("cut short").substr(0, 9));
  server_.stream(0).status(0);
  expectStatus(Code::kInternal, "in the midst of a message");
  EXPECT_EQ(handler_.messages, std::vector<std::string>{"whole"});
}

TEST_F(CallTest, RefusesCompressionAndOddFlags) {
  startAndArrive();
  server_.stream(0).head({{"grpc-encoding", "gzip"}});
  server_.stream(0).data(framed("zzz", 1));
  expectStatus(Code::kInternal, "compressed");
  EXPECT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
  handler_ = {};
  startAndArrive();
  server_.streams().back()->head();
  server_.streams().back()->data(framed("zzz", 2));
  expectStatus(Code::kInternal, "flag");
  EXPECT_TRUE(handler_.messages.empty());
}

TEST_F(CallTest, RefusesAHugeMessageAtItsLength) {
  ChannelConfig small = config();
  small.max_message_bytes = 1'000;
  open(std::move(small));
  startAndArrive();
  server_.stream(0).head();
  server_.stream(0).data(framed(std::string(1'000, 'x')));
  server_.stream(0).data(std::string("\0\x7f\xff\xff\xff", 5));
  expectStatus(Code::kResourceExhausted, "limit of 1000 bytes");
  EXPECT_EQ(handler_.messages.size(), 1u);
  EXPECT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
}

TEST_F(CallTest, RefusesMetadataThatIsNoBase64) {
  startAndArrive();
  server_.stream(0).head({{"x-bin", "***"}});
  expectStatus(Code::kInternal, "base64");
  handler_ = {};
  startAndArrive();
  server_.streams().back()->head();
  server_.streams().back()->trailers({{"grpc-status", "0"}, {"x-bin", "***"}});
  expectStatus(Code::kInternal, "base64");
}

TEST_F(CallTest, TellsOfAResetStream) {
  startAndArrive();
  server_.stream(0).head();
  server_.stream(0).message("one");
  worker_.settle();
  server_.stream(0).reset(NGHTTP2_INTERNAL_ERROR);
  expectStatus(Code::kInternal, server_.address().toString());
  EXPECT_EQ(handler_.messages.size(), 1u);
}

TEST_F(CallTest, TellsOfAServerThatDiesInTheMidst) {
  startAndArrive();
  server_.stream(0).head();
  worker_.settle();
  server_.connection(0).close();
  expectStatus(Code::kUnavailable, server_.address().toString());
}

TEST_F(CallTest, TellsOfAServerThatLeavesInTheMidst) {
  startAndArrive();
  server_.stream(0).head();
  worker_.settle();
  server_.connection(0).endOrderly();
  expectStatus(Code::kUnavailable, server_.address().toString());
}

TEST_F(CallTest, TellsOfAServerThatBreaksHttp2) {
  startAndArrive();
  server_.connection(0).raw(std::string("\0\0\1\0\0\0\0\0\0x", 10));  // DATA on stream 0
  ASSERT_TRUE(closed());
  EXPECT_FALSE(handler_.status->ok()) << handler_.text();
  EXPECT_TRUE(worker_.until([&] { return server_.connection(0).closed(); }));
}

// Arguments.

TEST_F(CallTest, RefusesWhatCannotBeSent) {
  start({}, "no-slash");
  expectStatus(Code::kInternal, "\"no-slash\" is not of the form");
  handler_ = {};
  start({}, "/a b");
  expectStatus(Code::kInternal, "is not of the form");
  handler_ = {};
  start({.metadata = {{"Bad", "v"}}});
  EXPECT_FALSE(call_->send("x"));
  expectStatus(Code::kInternal, "\"Bad\"");
  EXPECT_EQ(channel_->state(), ChannelState::kIdle);
}

// Deadlines.

TEST_F(CallTest, EndsAtTheDeadlineBeforeTheAnswer) {
  startAndArrive({.timeout = milliseconds(500)});
  advance(milliseconds(480));
  EXPECT_EQ(handler_.closes, 0);
  advance(milliseconds(50));
  expectStatus(Code::kDeadlineExceeded, "500 ms passed before the server answered");
  EXPECT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
  EXPECT_EQ(server_.stream(0).reset_code, uint32_t{NGHTTP2_CANCEL});
}

TEST_F(CallTest, EndsAtTheDeadlineInTheMidstOfTheAnswer) {
  startAndArrive({.timeout = milliseconds(500)});
  server_.stream(0).head();
  server_.stream(0).data(framed("whole") + "\0\0");
  worker_.until([&] { return !handler_.messages.empty(); });
  advance(milliseconds(530));
  expectStatus(Code::kDeadlineExceeded, "before the server ended the call");
}

TEST_F(CallTest, EndsAtTheDeadlineBeforeThereIsAConnection) {
  server_.setAccepting(false);
  ChannelConfig silent = config();
  open(std::move(silent));
  start({.timeout = milliseconds(300)});
  advance(milliseconds(330));
  expectStatus(Code::kDeadlineExceeded, "before there was a connection");
}

TEST_F(CallTest, EndsAtTheDeadlineWhileAttemptsFail) {
  server_.stopListening();
  start({.timeout = milliseconds(300), .wait_for_ready = true});
  advance(milliseconds(330));
  expectStatus(Code::kDeadlineExceeded, "Connection refused");
}

TEST_F(CallTest, IsLateFromTheStart) {
  start({.timeout = milliseconds(0)});
  expectStatus(Code::kDeadlineExceeded, "deadline of 0 ms");
  handler_ = {};
  start({.timeout = milliseconds(-5)});
  expectStatus(Code::kDeadlineExceeded, "deadline of -5 ms");
}

TEST_F(CallTest, TellsTheServerWhatIsLeftOfTheTime) {
  server_.setAccepting(false);
  start({.timeout = milliseconds(1'000)});
  advance(milliseconds(400));
  server_.setAccepting(true);
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty(); }));
  EXPECT_EQ(server_.stream(0).header("grpc-timeout"), "600000u");
}

TEST_F(CallTest, HasNoDeadlineOnceItIsOver) {
  startAndArrive({.timeout = milliseconds(500)});
  server_.stream(0).status(0);
  ASSERT_TRUE(closed());
  advance(milliseconds(1'000));
  EXPECT_EQ(handler_.closes, 1);
}

// Cancelling.

TEST_F(CallTest, IsCancelled) {
  startAndArrive();
  call_->cancel();
  EXPECT_EQ(handler_.closes, 0) << "not from inside";
  expectStatus(Code::kCancelled, "cancelled");
  EXPECT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
  EXPECT_EQ(server_.stream(0).reset_code, uint32_t{NGHTTP2_CANCEL});
  call_->cancel({Code::kAborted, "again"});
  worker_.settle();
  EXPECT_EQ(handler_.closes, 1);
}

TEST_F(CallTest, IsCancelledWhileItWaits) {
  server_.setAccepting(false);
  start();
  worker_.settle();
  call_->cancel({Code::kAborted, "changed my mind"});
  expectStatus(Code::kAborted, "changed my mind");
}

TEST_F(CallTest, IsCancelledByItsDestructionWithoutAWord) {
  startAndArrive();
  call_.reset();
  ASSERT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
  EXPECT_EQ(handler_.closes, 0);
  EXPECT_EQ(channel_->state(), ChannelState::kReady);
  EXPECT_EQ(worker_.counter("grpc_client_calls_total", {{"status", "CANCELLED"}}), 1);
}

TEST_F(CallTest, MayBeDestroyedInEachCallback) {
  using Hook = std::function<void()> RecordingHandler::*;
  for (const Hook hook : {&RecordingHandler::on_headers, &RecordingHandler::on_message,
                          &RecordingHandler::on_closed}) {
    for (const bool channel_too : {false, true}) {
      handler_ = {};
      handler_.*hook = [&] {
        if (channel_too) channel_.reset();
        call_.reset();
      };
      startAndArrive();
      server_.streams().back()->reply("answer");
      ASSERT_TRUE(worker_.until([&] { return call_ == nullptr; }));
      worker_.settle();
      EXPECT_LE(handler_.closes, 1);
    }
  }
}

TEST_F(CallTest, OutlivesItsChannel) {
  startAndArrive();
  channel_.reset();
  EXPECT_EQ(handler_.closes, 0);
  expectStatus(Code::kUnavailable, "channel was shut down");
  EXPECT_FALSE(call_->send("x"));
  call_->closeSend();
  call_->setReadEnabled(true);
  call_->cancel();
  worker_.settle();
  EXPECT_EQ(handler_.closes, 1);
}

// Backpressure.

TEST_F(CallTest, StopsReadingWhenTold) {
  startAndArrive();
  call_->setReadEnabled(false);
  ServerStream& stream = server_.stream(0);
  stream.head();
  for (int i = 0; i < 100; ++i) stream.message(std::string(100'000, 'x'));
  worker_.settle();
  advance(milliseconds(50));
  EXPECT_TRUE(handler_.messages.empty());
  EXPECT_LT(worker_.io.bytesInUse(), 2u * 1024 * 1024) << "what the window allows";
  call_->setReadEnabled(true);
  EXPECT_TRUE(handler_.messages.empty()) << "not from inside";
  stream.status(0);
  ASSERT_TRUE(closed());
  EXPECT_EQ(handler_.messages.size(), 100u);
  EXPECT_TRUE(handler_.status->ok());
}

TEST_F(CallTest, KeepsTheStatusUntilTheMessagesAreTaken) {
  startAndArrive();
  handler_.on_message = [&] { call_->setReadEnabled(false); };
  server_.stream(0).head();
  for (int i = 0; i < 3; ++i) server_.stream(0).message(std::to_string(i));
  server_.stream(0).status(0);
  for (size_t taken = 1; taken <= 3; ++taken) {
    ASSERT_TRUE(worker_.until([&] { return handler_.messages.size() == taken; }));
    worker_.settle();
    EXPECT_EQ(handler_.messages.size(), taken);
    EXPECT_TRUE(taken == 3 || handler_.closes == 0);
    call_->setReadEnabled(true);
  }
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok()) << handler_.text();
}

TEST_F(CallTest, RefusesToQueueWithoutBound) {
  server_.options.consume = false;
  startAndArrive();
  const std::string message(20'000, 'm');
  int taken = 0;
  for (int i = 0; i < 10; ++i) {
    while (taken < 1'000 && call_->send(message)) ++taken;
    worker_.settle();
  }
  EXPECT_LT(taken, 40) << "queue, codec and window";
  EXPECT_FALSE(call_->writable());
  handler_.writable = 0;
  worker_.settle();
  EXPECT_EQ(handler_.writable, 0);
  int sent_later = 0;
  handler_.on_writable = [&] {
    while (sent_later + taken < 200 && call_->send(message)) ++sent_later;
    if (sent_later + taken == 200) call_->closeSend();
  };
  ServerStream& stream = server_.stream(0);
  size_t consumed = 0;
  ASSERT_TRUE(worker_.until([&] {
    server_.connection(0).consume(stream.id(), stream.body.size() - consumed);
    consumed = stream.body.size();
    server_.connection(0).flush();
    worker_.dispatcher.post([] {});
    return stream.ended;
  }));
  EXPECT_EQ(stream.messages().size(), 200u);
  EXPECT_GT(handler_.writable, 0);
}

TEST_F(CallTest, TakesOneMessageOverTheBoundOfItsQueue) {
  start();
  ASSERT_TRUE(call_->send(std::string(3'000'000, 'x')));
  EXPECT_FALSE(call_->send("more"));
  ASSERT_TRUE(worker_.until(
      [&] { return !server_.streams().empty() && server_.stream(0).messages().size() == 1; }));
  EXPECT_EQ(server_.stream(0).messages()[0].size(), 3'000'000u);
}

}  // namespace
}  // namespace weir::grpc::test
