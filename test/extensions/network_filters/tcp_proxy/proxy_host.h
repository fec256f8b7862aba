#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "extensions/network_filters/tcp_proxy/tcp_proxy.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"
#include "test/extensions/network_filters/common/filter_host.h"
#include "test/network/support.h"
#include "test/upstream/test_cluster.h"

namespace weir::extensions::network_filters::tcp_proxy {

// A server of a test; its sockets do not block. Connections by number, in order of acceptance.
class Server {
 public:
  Server() : listening_(network::test::listenOnLoopback(64)) {}
  network::Address address() const { return address_; }
  // Waits for connection `number`; its descriptor, or -1.
  int fd(network::test::FilterHost& host, size_t number = 0);
  size_t accepted();
  // Nothing listens there any more; connections go on.
  void stop() { listening_.reset(); }
  void close(size_t number) { sockets_.at(number).reset(); }
  void reset(size_t number) {
    network::test::resetOnClose(sockets_.at(number).get());
    close(number);
  }

 private:
  base::UniqueFd listening_;
  const network::Address address_ = network::test::addressOf(listening_.get());
  std::deque<base::UniqueFd> sockets_;
};

// What a logger was given, by value.
struct Logged {
  bool at_end;
  uint64_t received, sent;
  uint32_t flags, attempts;
  std::string detail, cluster, upstream, client, local, server_name;
};

// Keeps what is logged. Immutable but for that.
class RecordingLoggerFactory final : public http::AccessLoggerFactory {
 public:
  explicit RecordingLoggerFactory(std::vector<Logged>& lines) : lines_(lines) {}
  std::unique_ptr<http::AccessLogger> bind(base::ServiceMap& services) const override;

 private:
  std::vector<Logged>& lines_;
};

// A worker whose connections go through a TCP proxy to cluster "c".
class ProxyHost : public network::test::FilterHost {
 public:
  ProxyHost();
  ~ProxyHost();
  // The endpoints of cluster `name`; others stay.
  void cluster(const std::vector<network::Address>& endpoints,
               const upstream::ClusterOptions& options = {}, const std::string& name = "c");
  void dropClusters();
  // A configuration that goes to cluster "c" and logs to `lines`.
  std::shared_ptr<TcpProxyConfig> config();
  void proxy(std::shared_ptr<TcpProxyConfig> config);
  // Counter or gauge of the proxy, of cluster "c".
  int64_t stat(const std::string& name) { return stats.valueOf(name, {{"proxy", "p"}}); }
  int64_t clusterStat(const std::string& name) { return stats.valueOf(name, {{"cluster", "c"}}); }
  // Until the client's connection is gone.
  bool closes(Client& client) {
    return until([&] { return client.closed(); });
  }
  // Sends all of `bytes` into `from` and takes them out of `to`; what came.
  std::string carry(int from, int to, std::string_view bytes);

  std::vector<Logged> lines;
  upstream::TestProcess process;
  upstream::ClusterSet clusters{services};

 private:
  std::vector<std::shared_ptr<const upstream::ClusterConfig>> configs_;
};

}  // namespace weir::extensions::network_filters::tcp_proxy
