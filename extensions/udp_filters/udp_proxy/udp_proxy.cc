#include "extensions/udp_filters/udp_proxy/udp_proxy.h"

#include <netinet/in.h>

#include <cstring>
#include <utility>

#include "absl/hash/hash.h"

namespace weir::extensions::udp_filters::udp_proxy {
namespace {

using network::Address;
using network::UdpDatagrams;

size_t hashOf(const Address* address) {
  if (address == nullptr) return 0;
  if (address->family() == Address::Family::kIpv4) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(address->data());
    return absl::HashOf(v4.sin_addr.s_addr, v4.sin_port);
  }
  const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(address->data());
  uint64_t halves[2];
  std::memcpy(halves, &v6.sin6_addr, sizeof halves);
  return absl::HashOf(halves[0], halves[1], v6.sin6_port);
}

stats::Cell& counter(stats::Store& store, stats::Block& block, std::string_view listener,
                     std::string_view name, std::string_view help) {
  return block.counter(store.counter(name, help, {{"listener", std::string(listener)}}));
}

stats::Cell& dropped(stats::Store& store, stats::Block& block, std::string_view listener,
                     const char* reason) {
  return block.counter(store.counter("udp_proxy_dropped_total",
                                     "Datagrams of clients that were dropped.",
                                     {{"listener", std::string(listener)}, {"reason", reason}}));
}

}  // namespace

UdpProxyMetrics::UdpProxyMetrics(stats::Store& s, stats::Block& b, std::string_view l)
    : sessions(counter(s, b, l, "udp_proxy_sessions_total", "Sessions begun.")),
      active(b.gauge(
          s.gauge("udp_proxy_sessions_active", "Sessions now.", {{"listener", std::string(l)}}))),
      timeouts(counter(s, b, l, "udp_proxy_timeouts_total",
                       "Sessions that ended because they were silent or lasted too long.")),
      replaced(counter(s, b, l, "udp_proxy_replaced_total",
                       "Sessions that ended to make room for another one.")),
      endpoint_errors(counter(s, b, l, "udp_proxy_endpoint_errors_total",
                              "Times an endpoint was refused or unreachable.")),
      moved(counter(s, b, l, "udp_proxy_moved_total",
                    "Sessions that took another endpoint because theirs had gone.")),
      to_endpoints(counter(s, b, l, "udp_proxy_forwarded_total", "Datagrams sent to endpoints.")),
      to_endpoints_bytes(
          counter(s, b, l, "udp_proxy_forwarded_bytes_total", "Bytes sent to endpoints.")),
      from_endpoints(
          counter(s, b, l, "udp_proxy_answered_total", "Datagrams that came from endpoints.")),
      from_endpoints_bytes(
          counter(s, b, l, "udp_proxy_answered_bytes_total", "Bytes that came from endpoints.")),
      too_many_sessions(dropped(s, b, l, "too_many_sessions")),
      no_endpoint(dropped(s, b, l, "no_endpoint")),
      no_socket(dropped(s, b, l, "no_socket")),
      too_large(dropped(s, b, l, "too_large")),
      rate_limited(dropped(s, b, l, "rate_limited")),
      no_room(dropped(s, b, l, "no_room")),
      refused(dropped(s, b, l, "refused")),
      draining(dropped(s, b, l, "draining")) {}

std::unique_ptr<network::UdpFilter> UdpProxyFactory::bind(network::UdpFilterHost& host,
                                                          base::ServiceMap& services) const {
  return std::make_unique<UdpProxy>(
      std::static_pointer_cast<const UdpProxyFactory>(shared_from_this()), host, services);
}

size_t UdpProxy::FlowHash::operator()(const Flow& flow) const {
  return absl::HashOf(hashOf(flow.peer), hashOf(flow.local));
}

UdpProxy::UdpProxy(std::shared_ptr<const UdpProxyFactory> factory, network::UdpFilterHost& host,
                   base::ServiceMap& services)
    : factory_(std::move(factory)),
      host_(host),
      io_(services.get<network::IoContext>()),
      clusters_(services.get<upstream::ClusterSet>()),
      metrics_(services.get<stats::Store>(), services.get<stats::Block>(), host.listenerName()),
      cluster_(clusters_.find(config().cluster)) {}

UdpProxy::~UdpProxy() {
  closeAll();
}

std::chrono::milliseconds UdpProxy::quiet() const {
  return draining_ ? std::min(config().idle_timeout, kDrainQuiet) : config().idle_timeout;
}

void UdpProxy::onDatagrams(const UdpDatagrams& datagrams) {
  UdpSession* session = find(datagrams);
  if (session == nullptr) session = create(datagrams);
  if (session == nullptr) return;
  if (session != pending_session_ || pending_count_ == pending_.size()) flushPending();
  pending_session_ = session;
  UdpDatagrams& waiting = pending_[pending_count_++];
  waiting = datagrams;
  waiting.peer = waiting.local = nullptr;
}

void UdpProxy::onBatchEnd() {
  flushPending();
}

void UdpProxy::flushPending() {
  UdpSession* session = std::exchange(pending_session_, nullptr);
  const size_t count = std::exchange(pending_count_, 0);
  if (session != nullptr) session->forward({pending_.data(), count});
}

UdpSession* UdpProxy::find(const UdpDatagrams& datagrams) {
  const Flow flow{datagrams.peer, datagrams.local};
  // As a rule a client sends several at once.
  if (pending_session_ != nullptr && pending_session_->flow() == flow) return pending_session_;
  const auto found = sessions_.find(flow);
  return found == sessions_.end() ? nullptr : *found;
}

UdpSession* UdpProxy::create(const UdpDatagrams& datagrams) {
  flushPending();  // making room may end that session
  if (draining_) {
    metrics_.draining.add(datagrams.count());
    return nullptr;
  }
  if (!makeRoom() || !host_.acquireSession()) {
    metrics_.too_many_sessions.add(datagrams.count());
    return nullptr;
  }
  auto* session = new UdpSession(*this, datagrams);
  sessions_.insert(session);
  by_use_.pushBack(*session);
  metrics_.sessions.add();
  metrics_.active.add();
  return session;
}

bool UdpProxy::makeRoom() {
  if (sessions_.size() < config().max_sessions) return true;
  if (!config().replace_when_full) return false;
  metrics_.replaced.add();
  end(*by_use_.front());
  return true;
}

void UdpProxy::end(UdpSession& session) {
  if (pending_session_ == &session) {
    pending_session_ = nullptr;
    pending_count_ = 0;
  }
  sessions_.erase(&session);
  session.unlink();
  session.shutdown();
  host_.releaseSession();
  metrics_.active.sub();
  io_.dispatcher().deferDelete(std::unique_ptr<event::DeferredDeletable>(&session));
}

bool UdpProxy::follow(const std::shared_ptr<const network::UdpFilterFactory>& factory) {
  auto next = std::dynamic_pointer_cast<const UdpProxyFactory>(factory);
  if (next == nullptr) return false;
  factory_ = std::move(next);
  cluster_ = clusters_.find(config().cluster);
  for (UdpSession* session = by_use_.front(); session != nullptr;) {
    UdpSession* const following = by_use_.next(*session);
    session->onUpdate();
    session = following;
  }
  return true;
}

void UdpProxy::drain() {
  draining_ = true;
  for (UdpSession* session = by_use_.front(); session != nullptr;
       session = by_use_.next(*session)) {
    session->drain();
  }
}

void UdpProxy::closeAll() {
  while (UdpSession* session = by_use_.front()) end(*session);
}

}  // namespace weir::extensions::udp_filters::udp_proxy
