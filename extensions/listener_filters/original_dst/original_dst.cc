#include "extensions/listener_filters/original_dst/original_dst.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "source/base/fd.h"
#include "source/network/socket.h"

namespace weir::extensions::listener_filters::original_dst {
namespace {

using network::Address;

// The same number for both families: SO_ORIGINAL_DST of linux/netfilter_ipv4.h and
// IP6T_SO_ORIGINAL_DST of linux/netfilter_ipv6/ip6_tables.h.
constexpr int kSoOriginalDst = 80;

Address redirectedFrom(int fd, const Address& local) {
  if (!local.isIp()) return {};
  const int level = local.family() == Address::Family::kIpv6 ? SOL_IPV6 : SOL_IP;
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockopt(fd, level, kSoOriginalDst, &storage, &length) != 0) return {};
  return Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
}

// A socket can be bound to the host's own addresses only. (Where any may be bound to,
// net.ipv4.ip_nonlocal_bind, every address passes for one.)
bool isOwnHost(const Address& address) {
  const int family = address.family() == Address::Family::kIpv6 ? AF_INET6 : AF_INET;
  const base::UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Address any_port = address.withPort(0);
  return fd && ::bind(fd.get(), any_port.data(), any_port.length()) == 0;
}

// Makes the filters of one worker, with its counters. Worker-confined.
class WorkerFactory final : public network::WorkerListenerFilterFactory {
 public:
  WorkerFactory(const std::string& listener, const KernelQueries& kernel,
                base::ServiceMap& services)
      : kernel_(kernel),
        metrics_(listener, services.get<stats::Store>(), services.get<stats::Block>()) {}
  std::unique_ptr<network::ListenerFilter> create() override {
    return std::make_unique<OriginalDstFilter>(kernel_, metrics_);
  }

 private:
  const KernelQueries& kernel_;
  OriginalDstMetrics metrics_;
};

}  // namespace

KernelQueries KernelQueries::real() {
  return {.redirected_from = redirectedFrom, .is_own_host = isOwnHost};
}

OriginalDstMetrics::OriginalDstMetrics(const std::string& listener, stats::Store& store,
                                       stats::Block& block)
    : found(block.counter(store.counter("original_dst_found_total",
                                        "Connections whose original destination is known.",
                                        {{"listener", listener}}))),
      not_redirected(block.counter(store.counter("original_dst_not_redirected_total",
                                                 "Connections that no redirect rule has sent, as "
                                                 "far as the kernel knows: the address they "
                                                 "were accepted on counts.",
                                                 {{"listener", listener}}))),
      own_address(block.counter(store.counter(
          "original_dst_own_address_total",
          "Connections made to the listener itself: they have no original destination.",
          {{"listener", listener}}))) {}

network::ListenerFilter::Step OriginalDstFilter::inspect(std::string_view, bool,
                                                         network::InspectedConnection& connection,
                                                         size_t&) {
  // Not localAddress(): a PROXY protocol header may have changed what that says.
  const Address accepted_on = network::localAddressOf(connection.fd);
  Address destination = kernel_.redirected_from(connection.fd, accepted_on);
  if (destination.family() == Address::Family::kNone) {
    metrics_.not_redirected.add();
    destination = accepted_on;
  }
  if (isListener(destination, accepted_on, *connection.listener)) {
    metrics_.own_address.add();
    connection.info->original_destination.reset();
    return Step::kContinue;
  }
  metrics_.found.add();
  connection.info->original_destination = std::move(destination);
  return Step::kContinue;
}

// Whoever connects there comes back to this listener. One on a wildcard has its port on all
// addresses of the host, and where this very connection got to without being redirected.
bool OriginalDstFilter::isListener(const Address& destination, const Address& accepted_on,
                                   const Address& listener) const {
  if (!destination.isIp()) return true;
  if (destination == listener) return true;
  if (destination.port() != listener.port() || !listener.isWildcard()) return false;
  return destination == accepted_on || kernel_.is_own_host(destination);
}

std::unique_ptr<network::WorkerListenerFilterFactory> OriginalDstFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerFactory>(listener_, kernel_, services);
}

}  // namespace weir::extensions::listener_filters::original_dst
