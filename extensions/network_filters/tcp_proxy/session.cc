#include "extensions/network_filters/tcp_proxy/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "source/base/hash.h"
#include "source/network/filter_chain.h"
#include "source/network/io_context.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

using network::CloseMode;
using network::CloseReason;
using network::Verdict;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{25};
constexpr int kMostDoublings = 4;
// Its class among those who wait for room.
constexpr uint8_t kPriority = 0;

milliseconds pauseBefore(uint32_t attempt) {
  return kFirstPause * (1 << std::min<int>(static_cast<int>(attempt) - 1, kMostDoublings));
}

}  // namespace

Session::Session(TcpProxyWorker& worker)
    : worker_(worker),
      timer_(worker.dispatcher().wheel(), event::wheelCallback<&Session::onTimer>, this) {
  sticky_.waiter = this;
}

Session::~Session() {
  sticky_.cancel();
  leaveQueue();
}

// --- Reaching an endpoint ---

Verdict Session::onConnected() {
  worker_.cells().connections.add();
  worker_.cells().active.add();
  state_ = State::kConnecting;
  event::Dispatcher& dispatcher = worker_.dispatcher();
  started_ = dispatcher.now();
  start_time_ = dispatcher.systemNow();
  // The kernel is asked while there is a socket.
  if (worker_.logs()) client().localAddress();
  const auto& config = worker_.config();
  if (config.max_duration.count() > 0) {
    max_duration_.emplace(dispatcher.wheel(), event::wheelCallback<&Session::onMaxDuration>, this);
    max_duration_->arm(config.max_duration);
  }
  const network::ConnectionInfo* info = chain().info();
  const std::optional<uint64_t> key = hash();
  const std::string_view name = info != nullptr && !info->cluster.empty()
                                    ? std::string_view(info->cluster)
                                    : worker_.target(key ? &*key : nullptr);
  if (!name.empty()) cluster_ = worker_.clusters().find(name);
  if (!cluster_) {
    worker_.cells().no_cluster.add();
    fail(http::ResponseFlag::kNoClusterFound, name.empty() ? "no_cluster" : "cluster_not_found");
  } else {
    connect();
  }
  return Verdict::kContinue;
}

std::optional<uint64_t> Session::hash() {
  const network::Address& source = client().remoteAddress();
  if (!worker_.config().hash_source_ip || !source.isIp()) return std::nullopt;
  std::array<char, 64> text;
  return base::hash64({text.data(), source.formatIp(text.data())});
}

upstream::WorkerCluster::Choice Session::choose() {
  upstream::PickContext context;
  context.source = &client().remoteAddress();
  const network::ConnectionInfo* info = chain().info();
  if (info != nullptr && info->original_destination) {
    context.original_destination = &*info->original_destination;
  }
  const upstream::HashPolicy* policy = cluster_->config().hash_policy.get();
  // May cost a system call.
  if (policy != nullptr && policy->usesLocal()) context.local = &client().localAddress();
  context.security = client().transport().security();
  context.hash = hash();
  context.attempt = attempts_;
  std::array<uint32_t, 16> tried;
  size_t count = 0;
  for (const auto& endpoint : tried_) {
    const bool there = endpoint->index() != upstream::WorkerEndpoint::kRemoved;
    if (there && count < tried.size()) tried[count++] = endpoint->index();
  }
  context.tried = {tried.data(), count};
  context.tried_in = serving_.get();
  context.sticky = &sticky_;
  return cluster_->choose(context);
}

void Session::connect() {
  while (state_ == State::kConnecting) {
    if (cluster_->queue().mustWait(kPriority)) return wait(cluster_, /*again=*/false);
    upstream::WorkerCluster::Choice choice = choose();
    switch (choice.kind) {
      case upstream::Pick::Kind::kEndpoint:
        if (!paused_ && wasTried(*choice.endpoint)) {
          state_ = State::kPausing;
          timer_.arm(pauseBefore(attempts_));
          return;
        }
        if (open(choice)) return;
        return wait(serving_, /*again=*/false);
      case upstream::Pick::Kind::kWait:
        return wait(std::move(choice.cluster), /*again=*/false);
      case upstream::Pick::Kind::kLookup:
        state_ = State::kAsking;
        return;
      case upstream::Pick::Kind::kFailure:
        cluster_->cells().no_endpoint->add();
        return fail(http::ResponseFlag::kNoHealthyUpstream, choice.reason);
    }
  }
}

// --- Waiting for room ---

void Session::wait(base::LocalRef<upstream::WorkerCluster> cluster, bool again) {
  state_ = State::kWaiting;
  waits_in_ = std::move(cluster);
  if (!waits_in_->queue().enter(*this, kPriority, again)) {
    onWaitFailed(upstream::WaitQueue::kOverflow);
  }
}

// Who gets an endpoint that has no room after all, waits on in its place.
void Session::onMayHaveRoom() {
  upstream::WorkerCluster::Choice choice = choose();
  if (choice.kind == upstream::Pick::Kind::kWait && choice.cluster.get() == waits_in_.get()) return;
  // It keeps its place, and is called when the store has answered.
  if (choice.kind == upstream::Pick::Kind::kLookup) return;
  const base::LocalRef<upstream::WorkerCluster> before = waits_in_;
  leaveQueue();
  state_ = State::kConnecting;
  switch (choice.kind) {
    case upstream::Pick::Kind::kEndpoint:
      paused_ = true;
      if (open(choice)) return;
      return wait(serving_, /*again=*/serving_.get() == before.get());
    case upstream::Pick::Kind::kWait:
      return wait(std::move(choice.cluster), /*again=*/false);
    case upstream::Pick::Kind::kLookup:
      return;
    case upstream::Pick::Kind::kFailure:
      cluster_->cells().no_endpoint->add();
      return fail(http::ResponseFlag::kNoHealthyUpstream, choice.reason);
  }
}

void Session::onStickyFound() {
  if (state_ == State::kWaiting) return onMayHaveRoom();
  state_ = State::kConnecting;
  connect();
}

void Session::onWaitFailed(std::string_view reason) {
  worker_.cells().connect_failures.add();
  fail(http::ResponseFlag::kUpstreamOverflow, reason);
}

void Session::leaveQueue() {
  if (!waits_in_) return;
  waits_in_->queue().leave(*this);
  base::LocalRef<upstream::WorkerEndpoint> none;
  upstream::WorkerCluster::release(waits_in_, none);
}

bool Session::wasTried(const upstream::WorkerEndpoint& endpoint) const {
  return std::any_of(tried_.begin(), tried_.end(),
                     [&](const auto& tried) { return tried.get() == &endpoint; });
}

// False when there is no room.
bool Session::open(upstream::WorkerCluster::Choice& choice) {
  upstream::WorkerCluster& cluster = *choice.cluster;
  network::TransportTarget target;
  target.server_name = chain().serverName();
  target.source = &client().remoteAddress();
  if (cluster.transport().needs.client) target.destination = &client().localAddress();
  target.info = chain().info();
  target.client_security = client().transport().security();
  target.connection_id = client().id();
  serving_ = choice.cluster;
  endpoint_ = choice.endpoint;
  upstream_ = upstream::EndpointConnection::open(choice, target, upstream_handler_);
  if (upstream_ == nullptr) {
    choice.slot.cancel();
    return false;
  }
  if (attempts_ > 0) {
    worker_.cells().connect_retries.add();
    cluster.cells().retries->add();
  }
  ++attempts_;
  paused_ = false;
  upstream_started_ = worker_.dispatcher().now();
  return true;
}

// Goes on with state kConnecting when there may be another one.
void Session::attemptFailed() {
  worker_.cells().connect_failures.add();
  upstream_.reset();
  if (attempts_ >= worker_.config().max_connect_attempts) {
    if (attempts_ > 1) {
      flags_ |= static_cast<uint32_t>(http::ResponseFlag::kUpstreamRetryLimitExceeded);
    }
    return fail(http::ResponseFlag::kUpstreamConnectionFailure, "connect_failed");
  }
  retry_slot_.release();
  retry_slot_ = upstream::RetrySlot::take(*cluster_, /*request=*/false);
  if (!retry_slot_) {
    flags_ |= static_cast<uint32_t>(http::ResponseFlag::kUpstreamOverflow);
    return fail(http::ResponseFlag::kUpstreamConnectionFailure, "retries_overflow");
  }
  if (!wasTried(*endpoint_)) tried_.push_back(endpoint_);
}

void Session::onUpstreamConnected() {
  state_ = State::kOpen;
  retry_slot_.release();
  flags_ = 0;
  tried_.clear();
  client().setClosesWhenEnded(false);
  allowSplicing();
  touch();
  if (worker_.config().log_at_connect) log(/*at_end=*/false);
  if (!early_) return;
  chain().offerAgain(*this);
  if (client().open()) client().setReadEnabled(true);
}

void Session::allowSplicing() {
  network::Connection& upstream = upstream_->connection();
  if (!client().transport().bytesAreRaw() || !upstream.transport().bytesAreRaw()) return;
  if (chain().readsDirectly(*this)) to_upstream_.allow(client(), upstream);
  if (chain().writesDirectly(*this)) to_client_.allow(upstream, client());
}

// --- Moving bytes ---

Verdict Session::onData(buffer::Buffer& data, bool end_stream) {
  switch (state_) {
    case State::kNew:
    case State::kConnecting:
    case State::kPausing:
    case State::kAsking:
    case State::kWaiting:
      early_ = true;
      if (!data.empty()) client().setReadEnabled(false);
      return Verdict::kContinue;
    case State::kOpen:
      break;
    case State::kUpstreamDone:
    case State::kResetting:
    case State::kClosed:
      data.clear();
      return Verdict::kContinue;
  }
  const size_t bytes = data.size();
  worker_.cells().bytes_received.add(bytes);
  touch();
  network::Connection& upstream = upstream_->connection();
  upstream_->countBytes();  // an endpoint that only listens gives no other occasion
  upstream.write(data, end_stream);
  if (end_stream) {
    countEnd(upstream.remoteEnded());
  } else {
    to_upstream_.copied(bytes);
  }
  return Verdict::kContinue;
}

void Session::onUpstreamData(buffer::Buffer& data, bool end_stream) {
  if (state_ != State::kOpen) return data.clear();
  const size_t bytes = data.size();
  worker_.cells().bytes_sent.add(bytes);
  touch();
  chain().write(*this, data, end_stream);
  if (end_stream) {
    countEnd(client().remoteEnded());
  } else {
    to_client_.copied(bytes);
  }
}

void Session::onSpliced(SpliceSwitch& direction, uint64_t bytes) {
  touch();
  (&direction == &to_client_ ? worker_.cells().bytes_sent : worker_.cells().bytes_received)
      .add(bytes);
  if (upstream_ != nullptr) upstream_->countBytes();
}

void Session::onSpliceEnded(SpliceSwitch& direction) {
  if (state_ != State::kOpen) return;
  touch();
  network::Connection& upstream = upstream_->connection();
  const bool from_client = &direction == &to_upstream_;
  countEnd(from_client ? upstream.remoteEnded() : client().remoteEnded());
  (from_client ? upstream : client()).outputReady(/*end_stream=*/true);
}

void Session::countEnd(bool other_ended) {
  if (other_ended || std::exchange(half_closed_, true)) return;
  worker_.cells().half_closed.add();
}

void Session::onAboveHighWatermark() {
  if (state_ == State::kOpen) upstream_->connection().setReadEnabled(false);
}

void Session::onBelowLowWatermark() {
  if (state_ == State::kResetting) {
    state_ = State::kClosed;
    client().close(CloseMode::kReset);
    return;
  }
  if (state_ != State::kOpen) return;
  touch();
  upstream_->connection().setReadEnabled(true);
}

void Session::Upstream::onAboveHighWatermark() {
  if (session_.state_ == State::kOpen) session_.client().setReadEnabled(false);
}

void Session::Upstream::onBelowLowWatermark() {
  if (session_.state_ != State::kOpen) return;
  session_.touch();
  session_.client().setReadEnabled(true);
}

void Session::onUpstreamClose(CloseReason reason) {
  if (state_ == State::kConnecting) {
    attemptFailed();
    return connect();
  }
  to_upstream_.stop();
  to_client_.stop();
  if (state_ != State::kOpen) return;
  const std::string_view broken_off = upstream_->brokenOff();
  upstream_.reset();
  if (reason != CloseReason::kRemote) {
    return resetClientAfterOutput(broken_off.empty() ? "upstream_reset" : broken_off);
  }
  // All that came from the client has arrived. What is left for it, it may take its time for.
  state_ = State::kUpstreamDone;
  client().setClosesWhenEnded(true);
}

// --- Time ---

void Session::touch() {
  const milliseconds idle = worker_.config().idle_timeout;
  if (idle.count() > 0) timer_.arm(idle);
}

void Session::onTimer() {
  switch (state_) {
    case State::kNew:
    case State::kConnecting:
    case State::kAsking:
    case State::kWaiting:
    case State::kClosed:
      return;
    case State::kPausing:
      state_ = State::kConnecting;
      paused_ = true;
      return connect();
    case State::kOpen:
    case State::kUpstreamDone:
      return onIdle();
    case State::kResetting:
      state_ = State::kClosed;
      return client().close(CloseMode::kReset);
  }
}

// Nothing was read for long; but a slow reader may have taken of what waits for it.
void Session::onIdle() {
  uint64_t sent = client().bytesSent();
  if (upstream_ != nullptr) sent += upstream_->connection().bytesSent();
  const bool waiting = !client().output().empty() ||
                       (upstream_ != nullptr && !upstream_->connection().output().empty());
  if (std::exchange(sent_at_idle_, sent) != sent && waiting) return touch();
  worker_.cells().idle_timeouts.add();
  finish(CloseMode::kFlush, http::ResponseFlag::kStreamIdleTimeout, "idle_timeout");
}

void Session::onMaxDuration() {
  if (!client().open()) return;
  worker_.cells().max_durations.add();
  finish(CloseMode::kFlush, http::ResponseFlag::kDurationTimeout, "max_connection_duration");
}

// --- Ending ---

void Session::fail(http::ResponseFlag flag, std::string_view detail) {
  if (flag != http::ResponseFlag::kNoClusterFound) worker_.cells().connect_gave_up.add();
  finish(CloseMode::kReset, flag, detail);
}

void Session::finish(CloseMode mode, http::ResponseFlag flag, std::string_view detail) {
  flags_ |= static_cast<uint32_t>(flag);
  detail_ = detail;
  state_ = State::kClosed;
  timer_.cancel();
  sticky_.cancel();
  leaveQueue();
  retry_slot_.release();
  to_upstream_.stop();
  to_client_.stop();
  upstream_.reset();
  client().close(mode);
}

void Session::resetClientAfterOutput(std::string_view detail) {
  flags_ |= static_cast<uint32_t>(http::ResponseFlag::kUpstreamConnectionTermination);
  detail_ = detail;
  if (client().output().empty()) {
    state_ = State::kClosed;
    return client().close(CloseMode::kReset);
  }
  state_ = State::kResetting;
  client().setReadEnabled(false);
  // Told when all is written.
  client().setWatermarks(0, 0);
  static_cast<void>(client().aboveHighWatermark());
  timer_.arm(client().io().flushTimeout());
}

void Session::onClose(CloseReason reason) {
  timer_.cancel();
  max_duration_.reset();
  to_upstream_.stop();
  to_client_.stop();
  const bool broken = reason == CloseReason::kReset || reason == CloseReason::kTransportError;
  if (broken && detail_.empty()) {
    flags_ |= static_cast<uint32_t>(http::ResponseFlag::kDownstreamConnectionTermination);
    detail_ = "downstream_reset";
  }
  if (upstream_ != nullptr) {
    upstream_->connection().close(broken ? CloseMode::kReset : CloseMode::kNow);
    upstream_.reset();
  }
  if (state_ != State::kNew) {
    worker_.cells().active.sub();
    log(/*at_end=*/true);
  }
  state_ = State::kClosed;
  sticky_.cancel();
  leaveQueue();
  retry_slot_.release();
  tried_.clear();
  upstream::WorkerCluster::release(serving_, endpoint_);
  upstream::WorkerCluster::release(cluster_, endpoint_);
}

void Session::log(bool at_end) {
  if (!worker_.logs()) return;
  http::StreamInfo info;
  info.start_time = start_time_;
  info.started = started_;
  info.upstream_started = upstream_started_;
  if (at_end) info.ended = worker_.dispatcher().now();
  info.request_bytes = client().bytesReceived();
  info.response_bytes = client().bytesSent();
  info.flags = flags_;
  info.detail = detail_;
  info.downstream_remote = info.downstream_direct = &client().remoteAddress();
  info.downstream_local = &client().localAddress();
  info.connection_id = client().id();
  info.requested_server_name = chain().serverName();
  info.downstream_tls = client().transport().security();
  info.connection_info = chain().info();
  if (cluster_) info.cluster = cluster_->name();
  if (endpoint_) info.upstream_address = &endpoint_->address();
  info.attempts = attempts_;
  worker_.log(info);
}

}  // namespace weir::extensions::network_filters::tcp_proxy
