#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

#include "source/base/log.h"
#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/network/connection.h"
#include "source/redis/protocol.h"

namespace weir::redis {

// Which Redis, and how patiently. Value; part of the configuration.
struct Server {
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

// Whoever uses a Link. Worker-confined.
class LinkOwner {
 public:
  // Commands may be sent.
  virtual void onLinkUp() = 0;
  // Commands may not be sent any more; those that were not answered have been told so.
  virtual void onLinkDown() = 0;
  // An attempt to connect has failed; nothing changes.
  virtual void onConnectFailed() {}

 protected:
  ~LinkOwner() = default;
};

// The connection of one worker to one Redis server, on the worker's own loop: made at once, and
// anew whenever it is lost, with growing pauses. Commands are pipelined; those of one callback
// leave together. Worker-confined.
class Link final {
 public:
  // What a command came to; null: the connection was lost, and nobody knows. Not from inside
  // send(). May send(); may not destroy the link.
  using Answer = absl::AnyInvocable<void(const Reply* reply)>;

  // `services`, with network::IoContext, and base::TaskPool where there is a password file, and
  // `owner` outlive it; `label` says in the log whose it is.
  Link(base::ServiceMap& services, Server server, std::string label, LinkOwner& owner);
  // Says nothing; what was not answered is forgotten.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Connects; once. Nothing is told from inside.
  void start();
  bool up() const { return state_ == State::kUp; }
  // Sent and not answered.
  size_t outstanding() const { return outstanding_.size(); }
  // Unless the link is up and has room, `answer` is dropped and nothing sent.
  bool send(std::span<const std::string_view> words, Answer answer);
  bool send(std::initializer_list<std::string_view> words, Answer answer) {
    return send(std::span(words.begin(), words.size()), std::move(answer));
  }

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
  void onGreeting(std::string_view step, const Reply* reply);
  void write(std::span<const std::string_view> words, Answer answer);
  void write(std::initializer_list<std::string_view> words, Answer answer) {
    write(std::span(words.begin(), words.size()), std::move(answer));
  }
  void onData(Wire& wire, buffer::Buffer& data, bool end_stream);
  void onReply(const Reply& reply);
  void onTimer();
  void lost(std::string_view why);
  void dropWire();
  void scheduleRetry();
  std::string whyClosed(network::CloseReason reason);

  base::ServiceMap& services_;
  network::IoContext& io_;
  event::Dispatcher& dispatcher_;
  const Server server_;
  const std::string label_;
  LinkOwner& owner_;
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
  std::shared_ptr<Link*> self_ = std::make_shared<Link*>(this);
};

}  // namespace weir::redis
