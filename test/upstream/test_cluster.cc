#include "test/upstream/test_cluster.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "extensions/load_balancing/round_robin/round_robin.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {

namespace {

void setNonBlocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int listenOnLoopback(int backlog, network::Address& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any);
  ::listen(fd, backlog);
  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
  address = network::Address::fromSockaddr(reinterpret_cast<sockaddr*>(&bound), length);
  return fd;
}

}  // namespace

TestOrigin::TestOrigin() : listening_(listenOnLoopback(64, address_)) {
  setNonBlocking(listening_);
}

TestOrigin::~TestOrigin() {
  kill();
}

size_t TestOrigin::accepted() {
  for (int i = 0; i < 64 && listening_ >= 0; ++i) {
    const int fd = ::accept(listening_, nullptr, nullptr);
    if (fd < 0) break;
    setNonBlocking(fd);
    connections_.push_back(fd);
  }
  return connections_.size();
}

std::string TestOrigin::read(size_t number) {
  accepted();
  std::string text;
  if (number >= connections_.size() || connections_[number] < 0) return text;
  char bytes[16384];
  for (int i = 0; i < 1024; ++i) {
    const ssize_t count = ::recv(connections_[number], bytes, sizeof bytes, 0);
    if (count <= 0) break;
    text.append(bytes, static_cast<size_t>(count));
  }
  return text;
}

bool TestOrigin::peerClosed(size_t number) {
  accepted();
  if (number >= connections_.size()) return false;
  char byte;
  const ssize_t count = ::recv(connections_.at(number), &byte, 1, MSG_PEEK);
  return count == 0 || (count < 0 && errno != EAGAIN);
}

void TestOrigin::send(size_t number, std::string_view bytes) {
  accepted();
  const int fd = connections_.at(number);
  for (int i = 0; i < 1000 && !bytes.empty(); ++i) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) break;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void TestOrigin::close(size_t number, bool reset) {
  accepted();
  if (reset) {
    const linger now{1, 0};
    ::setsockopt(connections_.at(number), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  ::close(connections_.at(number));
  connections_[number] = -1;
}

void TestOrigin::endSending(size_t number) {
  accepted();
  ::shutdown(connections_.at(number), SHUT_WR);
}

void TestOrigin::kill() {
  accepted();
  for (size_t i = 0; i < connections_.size(); ++i) {
    if (connections_[i] >= 0) close(i, true);
  }
  if (listening_ >= 0) ::close(listening_);
  listening_ = -1;
}

// Two connections fill a queue of length zero: one is in it, one more the kernel takes.
FullOrigin::FullOrigin() : listening_(listenOnLoopback(0, address_)) {
  for (int i = 0; i < 4; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ::connect(fd, address_.data(), address_.length());
    queued_.push_back(fd);
  }
}

FullOrigin::~FullOrigin() {
  for (int fd : queued_) ::close(fd);
  ::close(listening_);
}

std::shared_ptr<const ClusterConfig> TestProcess::config(
    const std::vector<network::Address>& endpoints, const ClusterOptions& options) {
  auto config = std::make_shared<ClusterConfig>();
  config->name = "c";
  std::vector<HostSet::Host> hosts;
  for (const network::Address& address : endpoints) {
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->id = address.toString();
    endpoint->address = address;
    endpoint->max_connections = options.endpoint_max_connections;
    endpoint->max_requests = options.endpoint_max_requests;
    hosts.push_back({std::move(endpoint), Health::kHealthy});
  }
  config->hosts = eligible(1, std::move(hosts));
  config->load_balancer = options.load_balancer;
  if (config->load_balancer == nullptr) {
    config->load_balancer =
        std::make_shared<extensions::load_balancing::round_robin::RoundRobinFactory>();
  }
  config->connect_timeout = options.connect_timeout;
  config->idle_timeout = options.idle_timeout;
  config->max_connections = options.max_connections;
  config->max_pending_requests = options.max_pending_requests;
  config->queue_timeout = options.queue_timeout.value_or(options.connect_timeout);
  config->queue_order = options.queue_order;
  config->retry_limits = options.retry_limits;
  config->connections = options.connections;
  config->max_requests_per_connection = options.max_requests_per_connection;
  config->http_protocol = options.http_protocol;
  config->http2 = options.http2;
  config->streams_per_connection = options.streams_per_connection;
  config->max_requests = options.max_requests;
  config->transport = options.transport;
  config->drain = options.drain;
  if (options.http_protocol != HttpProtocol::kHttp1) {
    config->http2_stats = http::http2::Stats::create(store, {{"cluster", "c"}});
  }
  config->stats = stats;
  config->usage = usage;
  return config;
}

void keepOneIdle(TestWorker& worker, TestOrigin& origin) {
  const size_t number = origin.accepted();
  TestRequest request(worker.pool());
  request.start();
  std::string head;
  worker.until([&] { return (head += origin.read(number)).ends_with("\r\n\r\n"); });
  origin.send(number, kOkAnswer);
  worker.until([&] { return request.done; });
}

}  // namespace weir::upstream
