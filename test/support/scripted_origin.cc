#include "test/support/scripted_origin.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>
#include <utility>

namespace weir::test {

ScriptedOrigin::ScriptedOrigin(Script script) : script_(std::move(script)) {
  listening_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening_.get(), generic, length) != 0 || ::listen(listening_.get(), 1024) != 0 ||
      ::getsockname(listening_.get(), generic, &length) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { acceptLoop(); });
}

ScriptedOrigin::~ScriptedOrigin() {
  kill();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return running_ == 0; });
}

void ScriptedOrigin::kill() {
  if (stopping_.exchange(true)) return;
  ::shutdown(listening_.get(), SHUT_RDWR);
  acceptor_.join();
  listening_.reset();
  std::lock_guard lock(mutex_);
  constexpr linger kReset{.l_onoff = 1, .l_linger = 0};
  for (const int fd : open_) {
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &kReset, sizeof kReset);
    ::shutdown(fd, SHUT_RDWR);
  }
}

void ScriptedOrigin::acceptLoop() {
  while (true) {
    base::UniqueFd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    std::lock_guard lock(mutex_);
    open_.insert(fd.get());
    ++running_;
    // Detached, so that a finished one keeps no stack; the destructor waits for all.
    std::thread([this, number = accepted_++, fd = std::move(fd)]() mutable {
      const int raw = fd.get();
      RawConnection connection(std::move(fd));
      script_(connection, number);
      std::lock_guard done(mutex_);
      open_.erase(raw);
      connection.close();
      --running_;
      ended_.notify_all();
    }).detach();
  }
}

ScriptedOrigin::Script ScriptedOrigin::answering(std::string response) {
  return [response = std::move(response)](RawConnection& connection, int) {
    while (connection.readMessage().complete && connection.send(response)) {
    }
  };
}

ScriptedOrigin::Script ScriptedOrigin::echoing() {
  return [](RawConnection& connection, int) {
    while (true) {
      const RawMessage request = connection.readMessage();
      if (!request.complete) return;
      std::string body = request.start_line + "\n";
      for (const auto& [name, value] : request.headers) body += name + ": " + value + "\n";
      body += "\n" + request.body;
      for (const auto& [name, value] : request.trailers) body += "\ntrailer " + name + ": " + value;
      std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
                         std::to_string(body.size()) + "\r\n\r\n";
      if (!connection.send(head + (request.method() == "HEAD" ? std::string() : body))) return;
    }
  };
}

}  // namespace weir::test
