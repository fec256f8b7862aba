#include "source/grpc/channel.h"

#include "test/grpc/fixture.h"
#include "test/upstream/test_cluster.h"

namespace weir::grpc::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using States = std::vector<std::string>;

TEST_F(ChannelTest, ConnectsWhenItIsNeededAndStaysConnected) {
  open();
  worker_.settle();
  EXPECT_EQ(server_.connections(), 0u);
  EXPECT_EQ(channel_->state(), ChannelState::kIdle);
  server_.on_request = [](ServerStream& stream) { stream.reply("hello"); };
  for (int i = 0; i < 3; ++i) {
    handler_ = {};
    start();
    ASSERT_TRUE(closed());
    EXPECT_TRUE(handler_.status->ok()) << handler_.text();
  }
  EXPECT_EQ(server_.connections(), 1u);
  EXPECT_EQ(states_, (States{"connecting", "ready"}));
  EXPECT_EQ(worker_.counter("grpc_client_connections_total"), 1);
}

TEST_F(ChannelTest, ConnectsWithoutACallWhenTold) {
  open();
  channel_->connect();
  channel_->connect();
  EXPECT_TRUE(states_.empty()) << "not from inside";
  ASSERT_TRUE(worker_.until([&] { return channel_->state() == ChannelState::kReady; }));
  worker_.settle();
  EXPECT_EQ(server_.connections(), 1u);
  EXPECT_EQ(states_, (States{"connecting", "ready"}));
}

TEST_F(ChannelTest, FailsFastWhenNobodyListens) {
  server_.stopListening();
  start();
  expectStatus(Code::kUnavailable, server_.address().toString() + ": Connection refused");
  EXPECT_EQ(channel_->state(), ChannelState::kTransientFailure);
  EXPECT_EQ(channel_->failure().message, handler_.status->message);
  handler_ = {};
  start();
  expectStatus(Code::kUnavailable, "Connection refused");
  EXPECT_EQ(states_, (States{"connecting", "transient failure"}));
  EXPECT_EQ(failures_.size(), 1u);
  EXPECT_EQ(worker_.counter("grpc_client_connect_failures_total"), 1) << "the second did not try";
}

TEST_F(ChannelTest, WaitsUntilTheServerIsThereWhenAsked) {
  server_.stopListening();
  start({.wait_for_ready = true});
  ASSERT_TRUE(call_->send("patience"));
  for (int i = 0; i < 3; ++i) advance(seconds(1));
  EXPECT_EQ(handler_.closes, 0);
  server_.listenAgain();
  server_.on_request = [](ServerStream& stream) { stream.reply("at last"); };
  for (int i = 0; i < 5 && handler_.closes == 0; ++i) {
    advance(seconds(1));
    worker_.settle();
  }
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok()) << handler_.text();
  EXPECT_EQ(channel_->state(), ChannelState::kReady);
  EXPECT_EQ(channel_->failure().ok(), true);
}

TEST_F(ChannelTest, TriesAgainWithGrowingPauses) {
  server_.stopListening();
  ChannelConfig with = config();
  with.backoff.jitter = 0;
  open(std::move(with));
  start({.wait_for_ready = true});
  const auto begin = worker_.dispatcher.now();
  std::vector<int64_t> times;
  int64_t seen = 0;
  while (times.size() < 6) {
    worker_.settle();
    const int64_t failures = worker_.counter("grpc_client_connect_failures_total");
    if (failures > seen) {
      times.push_back(
          std::chrono::duration_cast<milliseconds>(worker_.dispatcher.now() - begin).count());
      seen = failures;
    }
    advance(milliseconds(10));
  }
  const std::vector<int64_t> due = {0, 1'000, 2'600, 5'160, 9'256, 15'809};
  for (size_t i = 0; i < due.size(); ++i) {
    EXPECT_GE(times[i], due[i]) << i;
    EXPECT_LE(times[i], due[i] + 150) << i;
  }
}

TEST_F(ChannelTest, TriesAtOnceWhenToldAndGoesIdleWhenNobodyWaits) {
  server_.stopListening();
  start();
  ASSERT_TRUE(closed());
  EXPECT_EQ(channel_->state(), ChannelState::kTransientFailure);
  channel_->connect();
  ASSERT_TRUE(
      worker_.until([&] { return worker_.counter("grpc_client_connect_failures_total") == 2; }));
  advance(seconds(3));
  EXPECT_EQ(channel_->state(), ChannelState::kIdle);
  server_.listenAgain();
  channel_->connect();
  EXPECT_TRUE(worker_.until([&] { return channel_->state() == ChannelState::kReady; }));
}

TEST_F(ChannelTest, TriesItsAddressesInOrder) {
  ScriptedServer dead(worker_.io);
  dead.stopListening();
  ChannelConfig with = config();
  with.addresses = {dead.address(), server_.address()};
  open(std::move(with));
  startAndArrive();
  EXPECT_EQ(channel_->state(), ChannelState::kReady);
  EXPECT_EQ(states_, (States{"connecting", "ready"}));
}

TEST_F(ChannelTest, SaysThatItHasNoAddress) {
  open(ChannelConfig{});
  start();
  expectStatus(Code::kUnavailable, "no address");
}

TEST_F(ChannelTest, GivesUpAnAttemptThatTakesTooLong) {
  upstream::FullOrigin full;
  ChannelConfig with = config();
  with.addresses = {full.address()};
  with.connect_timeout = milliseconds(200);
  open(std::move(with));
  start();
  advance(milliseconds(250));
  expectStatus(Code::kUnavailable, "no connection within 200 ms");
}

TEST_F(ChannelTest, GivesUpAServerThatSaysNothing) {
  server_.options.send_settings = false;
  ChannelConfig with = config();
  with.connect_timeout = milliseconds(200);
  open(std::move(with));
  start();
  worker_.settle();
  advance(milliseconds(250));
  expectStatus(Code::kUnavailable, "no SETTINGS within 200 ms");
  EXPECT_TRUE(worker_.until([&] { return server_.connection(0).closed(); }));
}

TEST_F(ChannelTest, GivesUpAServerOfAnotherProtocol) {
  server_.options.send_settings = false;
  open();
  start();
  ASSERT_TRUE(worker_.until([&] { return server_.connections() == 1; }));
  server_.connection(0).raw("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  expectStatus(Code::kUnavailable, server_.address().toString());
  EXPECT_EQ(channel_->state(), ChannelState::kTransientFailure);
}

TEST_F(ChannelTest, GivesUpAServerThatLeavesBeforeItsSettings) {
  server_.options.send_settings = false;
  open();
  start();
  ASSERT_TRUE(worker_.until([&] { return server_.connections() == 1; }));
  server_.connection(0).endOrderly();
  expectStatus(Code::kUnavailable, server_.address().toString());
}

// Resolving.

TEST_F(ChannelTest, AsksForItsAddresses) {
  ChannelConfig with;
  int asked = 0;
  with.resolve = [&](ResolveDone done) {
    ++asked;
    done(std::vector<network::Address>{server_.address()});
  };
  open(std::move(with));
  startAndArrive();
  EXPECT_EQ(asked, 1);
}

TEST_F(ChannelTest, WaitsForItsAddresses) {
  ChannelConfig with;
  std::vector<ResolveDone> answers;
  with.resolve = [&](ResolveDone done) { answers.push_back(std::move(done)); };
  open(std::move(with));
  start();
  worker_.settle();
  ASSERT_EQ(answers.size(), 1u);
  answers[0](std::vector<network::Address>{server_.address()});
  answers[0](std::vector<network::Address>{server_.address()});
  ASSERT_TRUE(worker_.until([&] { return server_.streams().size() == 1; }));
  worker_.settle();
  EXPECT_EQ(server_.connections(), 1u) << "the second answer is not taken";
}

TEST_F(ChannelTest, TellsThatNoAddressWasFound) {
  ChannelConfig with;
  absl::StatusOr<std::vector<network::Address>> answer = absl::NotFoundError("NXDOMAIN");
  with.resolve = [&](ResolveDone done) { done(answer); };
  open(std::move(with));
  start();
  expectStatus(Code::kUnavailable, "NXDOMAIN");
  answer = std::vector<network::Address>{};
  handler_ = {};
  channel_->connect();
  start();
  expectStatus(Code::kUnavailable, "no address was found");
}

TEST_F(ChannelTest, DoesNotWaitForItsAddressesForever) {
  ChannelConfig with;
  std::vector<ResolveDone> answers;
  with.connect_timeout = milliseconds(100);
  with.resolve = [&](ResolveDone done) { answers.push_back(std::move(done)); };
  open(std::move(with));
  start();
  worker_.settle();
  advance(milliseconds(150));
  expectStatus(Code::kUnavailable, "no address was found within 100 ms");
  answers[0](std::vector<network::Address>{server_.address()});  // too late
  worker_.settle();
  EXPECT_EQ(channel_->state(), ChannelState::kTransientFailure);
  channel_.reset();
  answers[0](std::vector<network::Address>{server_.address()});  // much too late
  worker_.settle();
  EXPECT_EQ(server_.connections(), 0u);
}

// Losing connections.

TEST_F(ChannelTest, ConnectsAnewAfterALoss) {
  server_.on_request = [](ServerStream& stream) { stream.reply("hello"); };
  start();
  ASSERT_TRUE(closed());
  server_.connection(0).close();
  ASSERT_TRUE(worker_.until([&] { return channel_->state() == ChannelState::kIdle; }));
  handler_ = {};
  start();
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok()) << handler_.text();
  EXPECT_EQ(server_.connections(), 2u);
  EXPECT_EQ(states_, (States{"connecting", "ready", "idle", "connecting", "ready"}));
}

TEST_F(ChannelTest, DoesNotHammerAServerThatOnlyHangsUp) {
  open();
  start({.wait_for_ready = true});
  // Each connection comes up and is going away before it carries anything.
  server_.options.max_streams = 0;
  size_t dealt_with = 0;
  const auto hang_up = [&] {
    while (dealt_with < server_.connections()) server_.connection(dealt_with++).goAway(0);
  };
  for (int i = 0; i < 300; ++i) {
    worker_.settle();
    hang_up();
    worker_.settle();
    advance(milliseconds(10));
  }
  EXPECT_GE(server_.connections(), 3u);
  EXPECT_LE(server_.connections(), 6u) << "in three seconds";
  EXPECT_EQ(handler_.closes, 0);
}

TEST_F(ChannelTest, MovesToANewConnectionOnGoAway) {
  startAndArrive();
  server_.connection(0).goAway(server_.stream(0).id());
  ASSERT_TRUE(worker_.until([&] { return channel_->state() == ChannelState::kIdle; }));
  RecordingHandler second;
  auto other = channel_->start("/test.Echo/Talk", {}, second);
  ASSERT_TRUE(worker_.until([&] { return server_.streams().size() == 2; }));
  EXPECT_EQ(server_.connections(), 2u);
  EXPECT_FALSE(server_.connection(0).closed());
  server_.stream(0).reply("finished on the old one");
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok()) << handler_.text();
  EXPECT_TRUE(worker_.until([&] { return server_.connection(0).closed(); }));
  server_.stream(1).reply("done on the new one");
  ASSERT_TRUE(worker_.until([&] { return second.closes == 1; }));
  EXPECT_TRUE(second.status->ok()) << second.text();
}

TEST_F(ChannelTest, BeginsCallsOnceMoreThatGoAwayLeavesOut) {
  start();
  ASSERT_TRUE(call_->send("first"));
  ASSERT_TRUE(worker_.until(
      [&] { return !server_.streams().empty() && !server_.stream(0).messages().empty(); }));
  ASSERT_TRUE(call_->send("second"));
  call_->closeSend();
  worker_.settle();
  server_.connection(0).goAway(0);
  ASSERT_TRUE(worker_.until([&] {
    return server_.streams().size() == 2 && server_.stream(1).ended;
  })) << handler_.text();
  EXPECT_EQ(server_.stream(1).messages(), (std::vector<std::string>{"first", "second"}));
  server_.stream(1).reply("answer");
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok()) << handler_.text();
  EXPECT_EQ(worker_.counter("grpc_client_retries_total"), 1);
}

TEST_F(ChannelTest, BeginsARefusedCallOnceMoreAndNoMore) {
  server_.on_request = [](ServerStream& stream) { stream.reset(NGHTTP2_REFUSED_STREAM); };
  start();
  ASSERT_TRUE(call_->send("message"));
  expectStatus(Code::kUnavailable, server_.address().toString());
  EXPECT_EQ(server_.streams().size(), 2u);
  EXPECT_EQ(worker_.counter("grpc_client_retries_total"), 1);
}

TEST_F(ChannelTest, DoesNotRepeatMoreThanItKeeps) {
  ChannelConfig with = config();
  with.retry_bytes = 100;
  open(std::move(with));
  start();
  ASSERT_TRUE(call_->send(std::string(200, 'x')));
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty(); }));
  worker_.settle();
  server_.stream(0).reset(NGHTTP2_REFUSED_STREAM);
  expectStatus(Code::kUnavailable, "");
  EXPECT_EQ(server_.streams().size(), 1u);
}

TEST_F(ChannelTest, DoesNotRepeatWhatWasAnswered) {
  startAndArrive();
  server_.stream(0).head();
  ASSERT_TRUE(worker_.until([&] { return handler_.headers.has_value(); }));
  server_.stream(0).reset(NGHTTP2_REFUSED_STREAM);
  expectStatus(Code::kUnavailable, "");
  EXPECT_EQ(server_.streams().size(), 1u);
}

TEST_F(ChannelTest, NoticesADeadServerByItsSilence) {
  ChannelConfig with = config();
  with.http2.keepalive_interval = seconds(10);
  with.http2.keepalive_timeout = seconds(2);
  open(std::move(with));
  server_.options.answer_pings = false;
  startAndArrive();
  advance(seconds(9));
  EXPECT_EQ(handler_.closes, 0);
  advance(seconds(4));
  expectStatus(Code::kUnavailable, server_.address().toString());
}

// Bounds.

TEST_F(ChannelTest, WaitsForAFreeStream) {
  server_.options.max_streams = 1;
  startAndArrive();
  RecordingHandler second;
  auto other = channel_->start("/test.Echo/Talk", {}, second);
  worker_.settle();
  EXPECT_EQ(server_.streams().size(), 1u);
  server_.stream(0).reply("done");
  ASSERT_TRUE(worker_.until([&] { return server_.streams().size() == 2; }));
  EXPECT_EQ(server_.connections(), 1u);
}

TEST_F(ChannelTest, BoundsTheCallsThatWait) {
  server_.setAccepting(false);
  ChannelConfig with = config();
  with.max_waiting_calls = 2;
  open(std::move(with));
  std::vector<RecordingHandler> handlers(3);
  std::vector<std::unique_ptr<Call>> calls;
  for (auto& handler : handlers) calls.push_back(channel_->start("/a/b", {}, handler));
  ASSERT_TRUE(worker_.until([&] { return handlers[2].closes == 1; }));
  EXPECT_EQ(handlers[2].status->code, Code::kResourceExhausted);
  EXPECT_EQ(handlers[0].closes + handlers[1].closes, 0);
  calls[0].reset();
  calls.push_back(channel_->start("/a/b", {}, handlers[0]));
  server_.setAccepting(true);
  EXPECT_TRUE(worker_.until([&] { return server_.streams().size() == 2; }));
}

TEST_F(ChannelTest, ClosesAConnectionThatNobodyUses) {
  ChannelConfig with = config();
  with.idle_timeout = seconds(60);
  open(std::move(with));
  startAndArrive();
  advance(seconds(120));
  EXPECT_EQ(channel_->state(), ChannelState::kReady) << "a call is running";
  server_.stream(0).reply("done");
  ASSERT_TRUE(closed());
  advance(seconds(59));
  EXPECT_EQ(channel_->state(), ChannelState::kReady);
  advance(seconds(2));
  EXPECT_EQ(channel_->state(), ChannelState::kIdle);
  EXPECT_TRUE(worker_.until([&] { return server_.connection(0).closed(); }));
  EXPECT_TRUE(server_.connection(0).goAwayReceived());
  startAndArrive();
  EXPECT_EQ(server_.connections(), 2u);
}

// Ends.

TEST_F(ChannelTest, MayBeDestroyedByItsListener) {
  open();
  channel_->setStateListener([&](ChannelState, const Status&) { channel_.reset(); });
  channel_->connect();
  ASSERT_TRUE(worker_.until([&] { return channel_ == nullptr; }));
  worker_.settle();
}

TEST_F(ChannelTest, LeavesNothingBehind) {
  startAndArrive();
  ASSERT_TRUE(call_->send("x"));
  worker_.settle();
  EXPECT_GT(worker_.io.connections(), 1u);
  call_.reset();
  channel_.reset();
  ASSERT_TRUE(worker_.until([&] { return server_.connection(0).closed(); }));
  worker_.settle();
  EXPECT_EQ(worker_.io.connections(), 1u) << "the server's own";
}

TEST_F(ChannelTest, MayBeDestroyedAtEachStage) {
  for (const auto stop : {0, 1, 2, 3, 4}) {
    handler_ = {};
    open();
    start();
    if (stop > 0) worker_.dispatcher.runUntilIdle(stop);
    channel_.reset();
    EXPECT_TRUE(closed());
    call_.reset();
  }
}

TEST(ChannelStateTest, HasNames) {
  EXPECT_EQ(channelStateName(ChannelState::kIdle), "idle");
  EXPECT_EQ(channelStateName(ChannelState::kTransientFailure), "transient failure");
}

}  // namespace
}  // namespace weir::grpc::test
