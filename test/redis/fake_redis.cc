#include "test/redis/fake_redis.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace weir::redis::test {
namespace {

// Takes one command off the front of `bytes`; false when it is not all there.
bool takeCommand(std::string& bytes, RedisCommand& command) {
  size_t at = 0;
  const auto number = [&](char kind, size_t& value) {
    const size_t end = bytes.find("\r\n", at);
    if (end == std::string::npos || bytes[at] != kind) return false;
    value = std::strtoull(bytes.c_str() + at + 1, nullptr, 10);
    at = end + 2;
    return true;
  };
  size_t words = 0;
  if (!number('*', words)) return false;
  command.clear();
  for (size_t i = 0; i < words; ++i) {
    size_t size = 0;
    if (!number('$', size) || bytes.size() < at + size + 2) return false;
    command.push_back(bytes.substr(at, size));
    at += size + 2;
  }
  bytes.erase(0, at);
  return true;
}

}  // namespace

struct FakeRedis::Client final : event::FdHandler {
  Client(FakeRedis& server, int fd) : server(server), fd(fd) {}
  void onFdReady(event::FdEvents) override { server.onClient(*this); }
  void send(std::string_view bytes) const {
    (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  FakeRedis& server;
  base::UniqueFd fd;
  std::unique_ptr<event::FdWatcher> watcher;  // goes before the descriptor
  std::string input;
  std::vector<RedisCommand> held;
};

FakeRedis::FakeRedis(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {
  address_ = *network::Address::parse("127.0.0.1:0");
  listenAgain();
}

FakeRedis::~FakeRedis() {
  dropClients();
  stopListening();
}

void FakeRedis::listenAgain() {
  listening_ = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listening_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listening_.get(), address_.data(), address_.length()) != 0) std::abort();
  if (::listen(listening_.get(), 16) != 0) std::abort();
  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  ::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  address_ = network::Address::fromSockaddr(reinterpret_cast<sockaddr*>(&bound), length);
  watcher_ = dispatcher_.createFdWatcher(listening_.get(), *this);
  watcher_->watch({.readable = true});
}

void FakeRedis::stopListening() {
  watcher_.reset();
  listening_.reset();
}

void FakeRedis::onFdReady(event::FdEvents) {
  for (;;) {
    const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    ++accepted_;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto client = std::make_unique<Client>(*this, fd);
    client->watcher = dispatcher_.createFdWatcher(fd, *client);
    client->watcher->watch({.readable = true});
    clients_.push_back(std::move(client));
  }
}

void FakeRedis::onClient(Client& client) {
  char bytes[65536];
  for (;;) {
    const ssize_t size = ::recv(client.fd.get(), bytes, sizeof bytes, 0);
    if (size < 0) break;
    if (size == 0) {
      client.watcher->watch({});
      break;
    }
    client.input.append(bytes, static_cast<size_t>(size));
  }
  RedisCommand command;
  while (takeCommand(client.input, command)) {
    commands.push_back(command);
    if (holds) {
      client.held.push_back(command);
    } else {
      client.send(reply(command));
    }
  }
}

void FakeRedis::release() {
  holds = false;
  for (auto& client : clients_) {
    for (const RedisCommand& command : client->held) client->send(reply(command));
    client->held.clear();
  }
}

void FakeRedis::say(std::string_view bytes) {
  for (auto& client : clients_) client->send(bytes);
}

void FakeRedis::dropClients() {
  for (auto& client : clients_) client->watcher.reset();
  clients_.clear();
}

size_t FakeRedis::count(std::string_view name) const {
  return static_cast<size_t>(
      std::count_if(commands.begin(), commands.end(),
                    [name](const RedisCommand& command) { return command[0] == name; }));
}

std::string FakeRedis::text(std::string_view value) {
  return "$" + std::to_string(value.size()) + "\r\n" + std::string(value) + "\r\n";
}

std::string FakeRedis::reply(const RedisCommand& command) {
  return script ? script(command) : answer(command);
}

std::string FakeRedis::answer(const RedisCommand& command) {
  const std::string& name = command[0];
  if (name == "PING") return "+PONG\r\n";
  if (name == "AUTH" || name == "SELECT") return "+OK\r\n";
  if (name == "GET") {
    const auto found = values.find(command[1]);
    return found == values.end() ? "$-1\r\n" : text(found->second);
  }
  if (name == "SET") return values.emplace(command[1], command[2]).second ? "+OK\r\n" : "$-1\r\n";
  if (name == "PEXPIRE") return values.count(command[1]) != 0 ? ":1\r\n" : ":0\r\n";
  if (name == "EVAL") {
    std::string& value = values[command[3]];
    if (value.empty() || value == command[4]) value = command[5];
    return text(value);
  }
  return "-ERR unknown command\r\n";
}

}  // namespace weir::redis::test
