#include "extensions/health_checkers/common/connection_probe.h"

#include <utility>

namespace weir::extensions::health_checkers {

using Verdict = upstream::ProbeResult::Verdict;

ConnectionProbe::ConnectionProbe(upstream::ProbeConnections& connections,
                                 const upstream::ProbeTarget& target,
                                 upstream::ProbeListener& listener)
    : connections_(connections), listener_(listener), target_(target) {}

ConnectionProbe::~ConnectionProbe() {
  drop();
}

// The listener is not called from here: a kept connection fails in a callback of its own, and one
// on which nothing can be asked is replaced.
void ConnectionProbe::start() {
  reused_ = connection_ != nullptr && usable();
  if (!reused_) {
    drop();
    return connect();
  }
  state_ = State::kAsking;
  received_before_ = connection_->network().bytesReceived();
  ask(/*fresh=*/false);
}

void ConnectionProbe::cancel() {
  if (state_ == State::kIdle) return;
  state_ = State::kIdle;
  forget();
  drop();
}

bool ConnectionProbe::readIdle(buffer::Buffer&, bool) {
  return false;
}

bool ConnectionProbe::usable() {
  network::Connection& network = connection_->network();
  return network.open() && !network.remoteEnded();
}

bool ConnectionProbe::answered() {
  return connection_->network().bytesReceived() > received_before_;
}

void ConnectionProbe::close(upstream::ProbeConnection& connection) {
  connection.leave(network::CloseMode::kFlushNoLinger);
}

void ConnectionProbe::done(upstream::ProbeResult result, bool keep) {
  forget();
  if (!keep || !connections_.reuse()) close(*std::exchange(connection_, nullptr));
  end(result);
}

void ConnectionProbe::failed(std::string reason) {
  const bool again = reused_ && !answered();
  forget();
  drop();
  if (again) return connect();
  end({Verdict::kUnhealthy, std::move(reason)});
}

void ConnectionProbe::release() {
  if (connection_ == nullptr) return;
  upstream::ProbeConnection& connection = *std::exchange(connection_, nullptr);
  if (state_ != State::kIdle) return connection.leave(network::CloseMode::kNow);
  close(connection);
}

void ConnectionProbe::onUp() {
  state_ = State::kAsking;
  received_before_ = 0;
  ask(/*fresh=*/true);
}

void ConnectionProbe::onData(buffer::Buffer& data, bool end_stream) {
  if (state_ == State::kAsking) return read(data, end_stream);
  if (readIdle(data, end_stream)) return;
  data.clear();
  drop();
}

void ConnectionProbe::onGone(const upstream::ConnectionLoss& loss) {
  const bool again = state_ == State::kAsking && reused_ && !answered();
  connection_ = nullptr;
  if (state_ == State::kIdle) return;
  forget();
  if (again) return connect();
  end({loss.ours ? Verdict::kSkipped : Verdict::kUnhealthy, loss.reason});
}

void ConnectionProbe::connect() {
  reused_ = false;
  state_ = State::kConnecting;
  connection_ = &connections_.connect(target_, *this);
}

void ConnectionProbe::drop() {
  if (connection_ != nullptr) {
    std::exchange(connection_, nullptr)->leave(network::CloseMode::kNow);
  }
}

void ConnectionProbe::end(const upstream::ProbeResult& result) {
  state_ = State::kIdle;
  listener_.onProbeDone(result);
}

}  // namespace weir::extensions::health_checkers
