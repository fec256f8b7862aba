#pragma once

#include <cstdint>
#include <string>

#include "source/upstream/health_checker.h"
#include "source/upstream/probe_connections.h"

namespace weir::extensions::health_checkers {

// A probe that asks over one connection and keeps that for the next probe. When the endpoint has
// ended a kept connection without a word of an answer, as it may at any time, the same probe asks
// again on a new one: so an idle timeout of the endpoint's is never taken for ill health. What a
// probe asks and makes of the answer is for those who derive from it. To be started from inside a
// callback of the dispatcher. Main-thread only.
class ConnectionProbe : public upstream::HealthProbe, private upstream::ProbeConnectionUser {
 public:
  // All three outlive it.
  ConnectionProbe(upstream::ProbeConnections& connections, const upstream::ProbeTarget& target,
                  upstream::ProbeListener& listener);
  ~ConnectionProbe() override;

  void start() final;
  void cancel() final;

 protected:
  // Sends the question; `fresh`: the connection has not been used yet. May end by done() or
  // failed(), as may read().
  virtual void ask(bool fresh) = 0;
  // What came while asking.
  virtual void read(buffer::Buffer& data, bool end_stream) = 0;
  // What came while nothing is asked. False: the connection is not kept.
  virtual bool readIdle(buffer::Buffer& data, bool end_stream);
  // Whether something may be asked on the kept connection.
  virtual bool usable();
  // Something of an answer has come. By default: any byte.
  virtual bool answered();
  // Forgets the question: no answer is waited for. The connection may be gone already.
  virtual void forget() {}
  // Closes a connection that is in good order.
  virtual void close(upstream::ProbeConnection& connection);

  // The end of the probe, which may be destroyed thereby. `keep`: the connection is in such a state
  // that it may be.
  void done(upstream::ProbeResult result, bool keep);
  // The same for a connection or an answer that is no good: asked once more, or unhealthy.
  void failed(std::string reason);
  // In destructors: closes what is kept.
  void release();

  bool asking() const { return state_ == State::kAsking; }
  // While asking, or kept.
  upstream::ProbeConnection& connection() { return *connection_; }
  const upstream::ProbeTarget& target() const { return target_; }
  // The connection had served another probe before.
  bool reused() const { return reused_; }

 private:
  enum class State : uint8_t { kIdle, kConnecting, kAsking };

  void onUp() final;
  void onData(buffer::Buffer& data, bool end_stream) final;
  void onGone(const upstream::ConnectionLoss& loss) final;
  void connect();
  void drop();
  void end(const upstream::ProbeResult& result);

  upstream::ProbeConnections& connections_;
  upstream::ProbeListener& listener_;
  const upstream::ProbeTarget target_;
  upstream::ProbeConnection* connection_ = nullptr;  // null: none
  uint64_t received_before_ = 0;                     // on it, when it was asked
  State state_ = State::kIdle;
  bool reused_ = false;
};

}  // namespace weir::extensions::health_checkers
