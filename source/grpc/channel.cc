#include "source/grpc/channel.h"

#include <algorithm>
#include <utility>

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/grpc/call_stream.h"
#include "source/grpc/channel_connection.h"
#include "source/grpc/channel_core.h"

namespace weir::grpc {
namespace {

using std::chrono::milliseconds;

// A connection that is lost before a server has answered anything on it may be replaced at once so
// often; after that, it counts as an attempt that failed.
constexpr uint32_t kFreeReconnects = 1;

// What the application holds of a call. Worker-confined.
class CallHandle final : public Call {
 public:
  CallHandle(event::Dispatcher& dispatcher, std::unique_ptr<CallStream> stream)
      : dispatcher_(dispatcher), stream_(std::move(stream)) {}
  ~CallHandle() override {
    stream_->abandon();
    dispatcher_.deferDelete(std::move(stream_));
  }
  bool send(std::string_view message) override { return stream_->send(message); }
  bool writable() override { return stream_->writable(); }
  void closeSend() override { stream_->closeSend(); }
  void setReadEnabled(bool enabled) override { stream_->setReadEnabled(enabled); }
  void cancel(Status status) override { stream_->fail(std::move(status)); }

 private:
  event::Dispatcher& dispatcher_;
  std::unique_ptr<CallStream> stream_;
};

// A channel of one connection. What it decides, it decides at the end of a turn: no function of a
// codec, call or connection is in progress then. Worker-confined.
class LazyChannel final : public Channel,
                          public CallOwner,
                          public ChannelConnectionOwner,
                          public event::TurnEndTask {
 public:
  LazyChannel(ChannelContext& context, ChannelConfig config)
      : core_(base::makeLocal<ChannelCore>(context, std::move(config))),
        backoff_(core_->config.backoff, context.random()),
        retry_timer_(context.dispatcher().wheel(), event::wheelCallback<&LazyChannel::onRetryTimer>,
                     this),
        idle_timer_(context.dispatcher().wheel(), event::wheelCallback<&LazyChannel::onIdleTimer>,
                    this),
        resolve_timer_(context.dispatcher().wheel(),
                       event::wheelCallback<&LazyChannel::onResolveTimer>, this) {}
  ~LazyChannel() override;

  std::unique_ptr<Call> start(std::string_view path, CallOptions options,
                              CallHandler& handler) override;
  void connect() override;
  ChannelState state() const override { return state_; }
  const Status& failure() const override { return failure_; }
  void setStateListener(StateListener listener) override { listener_ = std::move(listener); }

 private:
  // CallOwner
  void onCallWaits(CallStream& call) override;
  void onCallOver(bool was_waiting) override;
  void onCallAnswered() override;
  // ChannelConnectionOwner
  void onUp(ChannelConnection& connection) override;
  void onCapacity() override { schedule(); }
  void onGoingAway(ChannelConnection& connection) override;
  void onGone(ChannelConnection& connection, const Status& why) override;

  void onTurnEnd() override;
  void onRetryTimer();
  void onIdleTimer();
  void onResolveTimer();

  void schedule() { core_->context.dispatcher().atTurnEnd(*this); }
  void setState(ChannelState state);
  void beginRound();
  void resolve();
  void onResolved(uint64_t round, absl::StatusOr<std::vector<network::Address>> addresses);
  void tryNext();
  void failRound();
  void onConnectionUnused();
  void runWaiting();
  void failWaiting();
  void tellStates();
  void watchIdleness();

  const base::LocalRef<ChannelCore> core_;
  base::IntrusiveList<CallStream> waiting_;
  base::IntrusiveList<CallStream> running_;
  uint32_t waiting_count_ = 0;
  uint32_t running_count_ = 0;

  ChannelConnection* current_ = nullptr;              // connecting or up
  base::IntrusiveList<ChannelConnection> departing_;  // finish their calls, or their output
  std::vector<network::Address> addresses_;           // of this round
  size_t next_address_ = 0;
  uint64_t round_ = 0;
  Backoff backoff_;
  event::MonotonicTime round_began_;
  uint32_t unproven_ = 0;  // connections in a row that were lost without an answer
  event::WheelTimer retry_timer_;
  event::WheelTimer idle_timer_;
  event::WheelTimer resolve_timer_;

  ChannelState state_ = ChannelState::kIdle;
  Status failure_;
  StateListener listener_;
  std::vector<std::pair<ChannelState, Status>> untold_;
  // Tells a resolver's late answer, or a listener's loop, that the channel is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

LazyChannel::~LazyChannel() {
  *alive_ = false;
  for (auto* list : {&waiting_, &running_}) {
    while (CallStream* call = list->front()) call->channelGone();
  }
  if (current_ != nullptr) current_->abandon();
  while (ChannelConnection* connection = departing_.front()) connection->abandon();
}

// Calls.

std::unique_ptr<Call> LazyChannel::start(std::string_view path, CallOptions options,
                                         CallHandler& handler) {
  ++waiting_count_;
  auto call = std::make_unique<CallStream>(core_, *this, path, std::move(options), handler);
  if (call->waiting()) {
    waiting_.pushBack(*call);
    if (waiting_count_ > core_->config.max_waiting_calls) {
      call->fail({Code::kResourceExhausted,
                  base::concat(core_->config.max_waiting_calls, " calls wait already")});
    }
    schedule();
  }
  return std::make_unique<CallHandle>(core_->context.dispatcher(), std::move(call));
}

void LazyChannel::onCallWaits(CallStream& call) {
  --running_count_;
  ++waiting_count_;
  waiting_.pushBack(call);
  schedule();
}

void LazyChannel::onCallOver(bool was_waiting) {
  --(was_waiting ? waiting_count_ : running_count_);
  schedule();
}

void LazyChannel::onCallAnswered() {
  unproven_ = 0;
  backoff_.reset();
}

void LazyChannel::runWaiting() {
  while (current_ != nullptr && current_->freeStreams() > 0) {
    CallStream* const call = waiting_.popFront();
    if (call == nullptr) return;
    --waiting_count_;
    ++running_count_;
    running_.pushBack(*call);
    call->begin(current_->codec(), current_->peer());
  }
}

void LazyChannel::failWaiting() {
  CallStream* call = waiting_.front();
  while (call != nullptr) {
    CallStream* const next = waiting_.next(*call);
    if (!call->waitsForReady()) call->fail({Code::kUnavailable, failure_.message});
    call = next;
  }
}

// Connecting.

void LazyChannel::connect() {
  if (state_ == ChannelState::kConnecting || state_ == ChannelState::kReady) return;
  retry_timer_.cancel();
  beginRound();
}

void LazyChannel::beginRound() {
  setState(ChannelState::kConnecting);
  round_began_ = core_->context.dispatcher().now();
  ++round_;
  next_address_ = 0;
  if (core_->config.resolve != nullptr) return resolve();
  addresses_ = core_->config.addresses;
  if (addresses_.empty()) failure_ = {Code::kUnavailable, "the channel has no address"};
  tryNext();
}

void LazyChannel::resolve() {
  resolve_timer_.arm(core_->config.connect_timeout);
  core_->config.resolve([this, alive = alive_,
                         round = round_](absl::StatusOr<std::vector<network::Address>> addresses) {
    if (*alive) onResolved(round, std::move(addresses));
  });
}

void LazyChannel::onResolved(uint64_t round,
                             absl::StatusOr<std::vector<network::Address>> addresses) {
  if (round != round_ || !resolve_timer_.armed()) return;  // too late
  resolve_timer_.cancel();
  if (!addresses.ok()) {
    failure_ = {Code::kUnavailable,
                base::concat("no address: ", base::view(addresses.status().message()))};
    addresses_.clear();
  } else {
    addresses_ = *std::move(addresses);
    if (addresses_.empty()) failure_ = {Code::kUnavailable, "no address was found"};
  }
  tryNext();
}

void LazyChannel::onResolveTimer() {
  addresses_.clear();
  failure_ = {Code::kUnavailable, base::concat("no address was found within ",
                                               core_->config.connect_timeout.count(), " ms")};
  tryNext();
}

void LazyChannel::tryNext() {
  if (next_address_ == addresses_.size()) return failRound();
  current_ = ChannelConnection::connect(core_, *this, addresses_[next_address_++]);
}

void LazyChannel::failRound() {
  const auto since =
      std::chrono::duration_cast<milliseconds>(core_->context.dispatcher().now() - round_began_);
  retry_timer_.arm(std::max(backoff_.next() - since, milliseconds(0)));
  setState(ChannelState::kTransientFailure);
}

void LazyChannel::onRetryTimer() {
  if (waiting_count_ > 0) return beginRound();
  setState(ChannelState::kIdle);
}

void LazyChannel::onUp(ChannelConnection&) {
  core_->context.countConnection();
  if (unproven_ == 0) backoff_.reset();
  failure_ = {};
  setState(ChannelState::kReady);
}

void LazyChannel::onGoingAway(ChannelConnection& connection) {
  if (&connection != current_) return;
  current_ = nullptr;
  departing_.pushBack(connection);
  failure_ = {Code::kUnavailable, base::concat(connection.peer(), ": the server is going away")};
  onConnectionUnused();
}

void LazyChannel::onGone(ChannelConnection& connection, const Status& why) {
  const bool was_current = &connection == current_;
  departing_.pushBack(connection);  // until it has destroyed itself
  if (!was_current) return schedule();
  current_ = nullptr;
  if (!why.ok()) failure_ = why;
  if (state_ == ChannelState::kReady)
    return why.ok() ? setState(ChannelState::kIdle) : onConnectionUnused();
  core_->context.countConnectFailure();
  base::log::debug("grpc", failure_.message);
  tryNext();
}

// There was a connection, and new calls need another one.
void LazyChannel::onConnectionUnused() {
  if (unproven_++ < kFreeReconnects) return setState(ChannelState::kIdle);
  failRound();
}

// State.

void LazyChannel::setState(ChannelState state) {
  schedule();
  if (state_ == state) return;
  state_ = state;
  if (listener_ != nullptr) {
    untold_.emplace_back(state, state == ChannelState::kTransientFailure ? failure_ : Status());
  }
}

void LazyChannel::onTurnEnd() {
  runWaiting();
  if (state_ == ChannelState::kTransientFailure) failWaiting();
  if (state_ == ChannelState::kIdle && waiting_count_ > 0) beginRound();
  watchIdleness();
  tellStates();
}

void LazyChannel::watchIdleness() {
  const auto timeout = core_->config.idle_timeout;
  const bool idle = state_ == ChannelState::kReady && waiting_count_ + running_count_ == 0;
  if (!idle) return idle_timer_.cancel();
  if (timeout.count() > 0 && !idle_timer_.armed()) idle_timer_.arm(timeout);
}

void LazyChannel::onIdleTimer() {
  if (current_ != nullptr && waiting_count_ + running_count_ == 0) current_->closeGently();
}

void LazyChannel::tellStates() {
  if (untold_.empty()) return;
  const std::shared_ptr<bool> alive = alive_;
  const StateListener listener = listener_;
  for (const auto& [state, failure] : std::exchange(untold_, {})) {
    listener(state, failure);
    if (!*alive) return;
  }
}

}  // namespace

std::string_view channelStateName(ChannelState state) {
  switch (state) {
    case ChannelState::kIdle:
      return "idle";
    case ChannelState::kConnecting:
      return "connecting";
    case ChannelState::kReady:
      return "ready";
    case ChannelState::kTransientFailure:
      return "transient failure";
  }
  return "";
}

std::unique_ptr<Channel> Channel::create(ChannelContext& context, ChannelConfig config) {
  return std::make_unique<LazyChannel>(context, std::move(config));
}

}  // namespace weir::grpc
