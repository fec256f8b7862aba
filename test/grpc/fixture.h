#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/grpc/channel.h"
#include "source/network/io_context.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/grpc/scripted_server.h"

namespace weir::grpc::test {

// Remembers what a call tells. The hooks run after the remembering.
class RecordingHandler final : public CallHandler {
 public:
  void onHeaders(const Metadata& metadata) override {
    headers = metadata;
    if (on_headers) on_headers();
  }
  void onMessage(std::string_view message) override {
    messages.emplace_back(message);
    if (on_message) on_message();
  }
  void onWritable() override {
    ++writable;
    if (on_writable) on_writable();
  }
  void onClosed(const Status& closed_status, const Metadata& metadata) override {
    ++closes;
    status = closed_status;
    trailers = metadata;
    if (on_closed) on_closed();
  }
  std::string text() const { return status.has_value() ? status->toString() : "not closed"; }

  std::optional<Metadata> headers;
  std::vector<std::string> messages;
  int writable = 0;
  int closes = 0;
  std::optional<Status> status;
  Metadata trailers;
  std::function<void()> on_headers;
  std::function<void()> on_message;
  std::function<void()> on_writable;
  std::function<void()> on_closed;
};

// A thread with simulated time that can have channels.
class GrpcWorker {
 public:
  GrpcWorker() : services_(offer()), context_(services_, {{"client", "test"}}) {}
  ~GrpcWorker() { settle(); }

  // What the test did itself counts as a callback.
  void settle() {
    dispatcher.post([] {});
    dispatcher.runUntilIdle();
  }
  bool until(const std::function<bool()>& done) {
    settle();
    return dispatcher.runUntil(done);
  }
  ChannelContext& context() { return context_; }
  base::ServiceMap& services() { return services_; }
  int64_t counter(const std::string& name, stats::Labels more = {}) const {
    stats::Labels labels = {{"client", "test"}};
    labels.insert(labels.end(), more.begin(), more.end());
    return store.valueOf(name, labels);
  }

  event::FakeDispatcher dispatcher;
  network::IoContext io{dispatcher, 0};
  stats::Store store;

 private:
  base::ServiceMap offer() {
    base::ServiceMap services;
    services.put<event::Dispatcher>(dispatcher);
    services.put(io);
    services.put(store);
    services.put(store.block(0));
    return services;
  }

  base::ServiceMap services_;
  ChannelContext context_;
};

// A channel to a scripted server, both in one thread.
class ChannelTest : public ::testing::Test {
 protected:
  ~ChannelTest() override {
    call_.reset();
    channel_.reset();
    worker_.settle();
  }
  ChannelConfig config() const {
    ChannelConfig config;
    config.addresses = {server_.address()};
    return config;
  }
  void open(ChannelConfig config) {
    channel_ = Channel::create(worker_.context(), std::move(config));
    channel_->setStateListener([this](ChannelState state, const Status& failure) {
      states_.emplace_back(channelStateName(state));
      if (!failure.ok()) failures_.push_back(failure.message);
    });
  }
  void open() { open(config()); }
  // Starts a call into call_ and handler_.
  void start(CallOptions options = {}, std::string_view path = "/test.Echo/Talk") {
    if (channel_ == nullptr) open();
    call_ = channel_->start(path, std::move(options), handler_);
  }
  // The same, until the server has its head.
  void startAndArrive(CallOptions options = {}) {
    const size_t before = server_.streams().size();
    start(std::move(options));
    ASSERT_TRUE(worker_.until([&] { return server_.streams().size() > before; }))
        << handler_.text();
  }
  bool closed() {
    return worker_.until([&] { return handler_.closes > 0; });
  }
  void expectStatus(Code code, std::string_view part) {
    ASSERT_TRUE(closed()) << handler_.text();
    EXPECT_EQ(handler_.status->code, code) << handler_.text();
    EXPECT_NE(handler_.status->message.find(part), std::string::npos) << handler_.text();
    EXPECT_EQ(handler_.closes, 1);
  }
  void advance(std::chrono::milliseconds time) { worker_.dispatcher.advance(time); }

  GrpcWorker worker_;
  ScriptedServer server_{worker_.io};
  RecordingHandler handler_;
  std::vector<std::string> states_;
  std::vector<std::string> failures_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Call> call_;
};

}  // namespace weir::grpc::test
