#include "test/extensions/network_filters/tcp_proxy/proxy_host.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace weir::extensions::network_filters::tcp_proxy {

size_t Server::accepted() {
  while (listening_) {
    const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    sockets_.emplace_back(fd);
  }
  return sockets_.size();
}

int Server::fd(network::test::FilterHost& host, size_t number) {
  // What it has accepted is in the kernel only: the worker need not see it.
  host.until([&] {
    host.run();
    return accepted() > number;
  });
  return accepted() > number ? sockets_.at(number).get() : -1;
}

std::unique_ptr<http::AccessLogger> RecordingLoggerFactory::bind(base::ServiceMap&) const {
  class Logger final : public http::AccessLogger {
   public:
    explicit Logger(std::vector<Logged>& lines) : lines_(lines) {}
    void log(const http::RequestHead&, const http::ResponseHead&, const http::HeaderMap&,
             const http::StreamInfo& info) override {
      lines_.push_back(
          {.at_end = info.ended != event::MonotonicTime(),
           .received = info.request_bytes,
           .sent = info.response_bytes,
           .flags = info.flags,
           .attempts = info.attempts,
           .detail = std::string(info.detail),
           .cluster = std::string(info.cluster),
           .upstream = info.upstream_address == nullptr ? "" : info.upstream_address->toString(),
           .client = info.downstream_remote->toString(),
           .local = info.downstream_local->toString(),
           .server_name = std::string(info.requested_server_name)});
    }

   private:
    std::vector<Logged>& lines_;
  };
  return std::make_unique<Logger>(lines_);
}

ProxyHost::ProxyHost() {
  services.put(clusters);
  proxy(config());
}

ProxyHost::~ProxyHost() {
  closeAll();
  act([this] { dropClusters(); });
}

void ProxyHost::cluster(const std::vector<network::Address>& endpoints,
                        const upstream::ClusterOptions& options, const std::string& name) {
  auto config = std::make_shared<upstream::ClusterConfig>(*process.config(endpoints, options));
  config->name = name;
  config->stats = upstream::ClusterStats::create(stats, name);
  config->usage = std::make_shared<upstream::ClusterUsage>();
  std::erase_if(configs_, [&](const auto& other) { return other->name == name; });
  configs_.push_back(std::move(config));
  act([this] { clusters.apply(configs_); });
}

void ProxyHost::dropClusters() {
  configs_.clear();
  clusters.apply(configs_);
}

std::shared_ptr<TcpProxyConfig> ProxyHost::config() {
  auto config = std::make_shared<TcpProxyConfig>();
  config->targets = {{"c", 1}};
  config->total_weight = 1;
  config->access_loggers = {std::make_shared<RecordingLoggerFactory>(lines)};
  config->stats = TcpProxyStats::create(stats, "p");
  return config;
}

void ProxyHost::proxy(std::shared_ptr<TcpProxyConfig> config) {
  use({std::make_shared<TcpProxyFactory>(std::move(config))});
}

std::string ProxyHost::carry(int from, int to, std::string_view bytes) {
  std::string got;
  size_t sent = 0;
  until([&] {
    sent += network::test::fillSocket(from, bytes.substr(sent));
    run();
    got += network::test::drainSocket(to);
    return got.size() >= bytes.size();
  });
  return got;
}

}  // namespace weir::extensions::network_filters::tcp_proxy
