#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/fd.h"
#include "source/event/dispatcher.h"
#include "source/network/address.h"

namespace weir::redis::test {

using RedisCommand = std::vector<std::string>;

// A Redis server as the test wants it, in the test's own thread: knows the commands that the store
// uses, without times; or says what the script says. Worker-confined.
class FakeRedis final : private event::FdHandler {
 public:
  explicit FakeRedis(event::Dispatcher& dispatcher);
  ~FakeRedis();
  network::Address address() const { return address_; }

  std::map<std::string, std::string> values;
  std::vector<RedisCommand> commands;  // as they came
  // Says what is sent for a command: bytes as they are, empty for nothing; null: as Redis does.
  std::function<std::string(const RedisCommand&)> script;
  // Reads and remembers, answers nothing until release().
  bool holds = false;
  void release();
  // Sends to all clients.
  void say(std::string_view bytes);
  // Closes all connections; goes on listening.
  void dropClients();
  void stopListening();
  void listenAgain();
  size_t accepted() const { return accepted_; }
  size_t count(std::string_view name) const;  // of commands

  static std::string text(std::string_view value);
  std::string answer(const RedisCommand& command);  // as Redis does

 private:
  struct Client;
  void onFdReady(event::FdEvents events) override;
  void onClient(Client& client);
  std::string reply(const RedisCommand& command);

  event::Dispatcher& dispatcher_;
  network::Address address_;
  base::UniqueFd listening_;
  std::unique_ptr<event::FdWatcher> watcher_;
  std::vector<std::unique_ptr<Client>> clients_;
  size_t accepted_ = 0;
};

}  // namespace weir::redis::test
