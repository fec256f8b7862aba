#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

#include "extensions/stickiness/store/redis_protocol.h"
#include "source/base/log.h"
#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/network/connection.h"

namespace weir::extensions::stickiness::store {

// Which Redis, and how patiently. Value; part of the configuration.
struct RedisServer {
  network::Address address = {};
  std::string user = {};           // empty: "default"
  std::string password_file = {};  // empty: no password; read for each connection
  uint32_t database = 0;
  std::shared_ptr<const network::TransportSocketFactory> transport = nullptr;  // null: plain
  std::chrono::milliseconds connect_timeout{1000};   // until commands may be sent
  std::chrono::milliseconds response_timeout{1000};  // of any command; then the connection is lost
  // Between attempts that fail: from the first to the last, twice as long each time, ± 20 %.
  std::chrono::milliseconds first_retry{100};
  std::chrono::milliseconds last_retry{5000};
};

// A password file's content without the end of its line; what is wrong with it.
absl::StatusOr<std::string> readPassword(const std::string& path);

// Whoever uses a RedisLink. Worker-confined.
class RedisLinkOwner {
 public:
  // Commands may be sent.
  virtual void onLinkUp() = 0;
  // Commands may not be sent any more; those that were not answered have been told so.
  virtual void onLinkDown() = 0;
  // An attempt to connect has failed; nothing changes.
  virtual void onConnectFailed() {}

 protected:
  ~RedisLinkOwner() = default;
};

// The connection of one worker to one Redis server, on the worker's own loop: made at once, and
// anew whenever it is lost, with growing pauses. Commands are pipelined; those of one callback
// leave together. Worker-confined.
class RedisLink final {
 public:
  // What a command came to; null: the connection was lost, and nobody knows. Not from inside
  // send(). May send(); may not destroy the link.
  using Answer = absl::AnyInvocable<void(const RedisReply* reply)>;

  // `services`, with network::IoContext, and base::TaskPool where there is a password file, and
  // `owner` outlive it; `label` says in the log whose it is.
  RedisLink(base::ServiceMap& services, RedisServer server, std::string label,
            RedisLinkOwner& owner);
  // Says nothing; what was not answered is forgotten.
  ~RedisLink();
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  // Connects; once. Nothing is told from inside.
  void start();
  bool up() const { return state_ == State::kUp; }
  // Sent and not answered.
  size_t outstanding() const { return outstanding_.size(); }
  // Unless the link is up and has room, `answer` is dropped and nothing sent.
  bool send(std::initializer_list<std::string_view> words, Answer answer);

  static constexpr size_t kMaxOutstanding = 4096;

 private:
  enum class State : uint8_t {
    kWaiting,     // for the next attempt
    kPreparing,   // reads the password
    kConnecting,  // until the transport is up
    kGreeting,    // AUTH, SELECT and PING are on their way
    kUp,
  };
  struct Sent {
    Answer answer;
    event::MonotonicTime at;
  };
  class Wire;

  void attempt();
  void onPassword(absl::StatusOr<std::string> password);
  void connect();
  void greet();
  void onGreeting(std::string_view step, const RedisReply* reply);
  void write(std::initializer_list<std::string_view> words, Answer answer);
  void onData(Wire& wire, buffer::Buffer& data, bool end_stream);
  void onReply(const RedisReply& reply);
  void onTimer();
  void lost(std::string_view why);
  void dropWire();
  void scheduleRetry();
  std::string whyClosed(network::CloseReason reason);

  base::ServiceMap& services_;
  network::IoContext& io_;
  event::Dispatcher& dispatcher_;
  const RedisServer server_;
  const std::string label_;
  RedisLinkOwner& owner_;
  std::unique_ptr<network::WorkerTransportSocketFactory> transport_;  // null: plain
  base::Random random_;
  // The next attempt while kWaiting, the end of patience while kGreeting and kUp.
  event::WheelTimer timer_;
  std::unique_ptr<Wire> wire_;    // while kConnecting, kGreeting and kUp
  std::deque<Sent> outstanding_;  // as sent, and so as answered
  std::string password_;
  std::chrono::milliseconds next_retry_;
  base::log::LogLimiter log_limiter_{std::chrono::seconds(10)};
  State state_ = State::kWaiting;
  // Tells what was posted that the link is gone.
  std::shared_ptr<RedisLink*> self_ = std::make_shared<RedisLink*>(this);
};

}  // namespace weir::extensions::stickiness::store
