#include "extensions/udp_filters/udp_proxy/session.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "extensions/udp_filters/udp_proxy/udp_proxy.h"
#include "source/base/hash.h"
#include "source/network/udp_reader.h"
#include "source/upstream/traffic_observations.h"

namespace weir::extensions::udp_filters::udp_proxy {
namespace {

using network::UdpDatagrams;
using std::chrono::milliseconds;

// Says that the endpoint cannot be reached, and not that one datagram is bad.
bool isAboutEndpoint(int error) {
  switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      return true;
    default:
      return false;
  }
}

uint32_t countOf(std::span<const UdpDatagrams> runs) {
  uint32_t datagrams = 0;
  for (const UdpDatagrams& run : runs) datagrams += run.count();
  return datagrams;
}

// Writes address and, when asked for, port to `out` (at least 18 bytes); how many bytes those are.
size_t appendEnd(const network::Address& address, bool with_port, char* out) {
  size_t size = 0;
  if (address.family() == network::Address::Family::kIpv4) {
    size = sizeof(in_addr);
    std::memcpy(out, &reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr, size);
  } else if (address.family() == network::Address::Family::kIpv6) {
    size = sizeof(in6_addr);
    std::memcpy(out, &reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr, size);
  }
  if (!with_port) return size;
  out[size++] = static_cast<char>(address.port() >> 8);
  out[size++] = static_cast<char>(address.port() & 0xff);
  return size;
}

}  // namespace

uint64_t TokenBucket::take(uint64_t units, uint64_t unit, uint64_t per_second,
                           event::MonotonicTime now) {
  const auto most = static_cast<double>(per_second);
  const bool fresh = filled_ == event::MonotonicTime{};
  const double passed = std::chrono::duration<double>(now - filled_).count();
  tokens_ = fresh ? most : std::min(most, tokens_ + passed * most);
  filled_ = now;
  unit = std::max<uint64_t>(unit, 1);
  const uint64_t taken = std::min(units, static_cast<uint64_t>(tokens_) / unit);
  tokens_ -= static_cast<double>(taken * unit);
  return taken;
}

UdpSession::UdpSession(UdpProxy& proxy, const UdpDatagrams& first)
    : proxy_(proxy),
      peer_(*first.peer),
      local_(first.local != nullptr ? *first.local : network::Address()),
      has_local_(first.local != nullptr),
      offload_(proxy.host().offload()),
      began_(proxy.io().dispatcher().now()),
      timer_(proxy.io().dispatcher().wheel(), event::wheelCallback<&UdpSession::onTimer>, this) {
  armTimer();
}

UdpSession::~UdpSession() = default;

void UdpSession::forward(Runs datagrams) {
  std::array<UdpDatagrams, network::UdpReader::kBatch> admitted;
  size_t count = 0;
  for (const UdpDatagrams& run : datagrams) {
    if (const auto some = admit(run)) admitted[count++] = *some;
  }
  if (count == 0) return;
  if (endpointGone() && proxy_.config().removed != UdpProxyConfig::Removed::kKeep) {
    proxy_.metrics().moved.add();
    close();
  }
  touch();
  send({admitted.data(), count});
}

// What of a run may go on, by size and rate; counts the rest.
std::optional<UdpDatagrams> UdpSession::admit(const UdpDatagrams& datagrams) {
  const std::optional<UdpDatagrams> some = withinSize(datagrams);
  const UdpProxyConfig& config = proxy_.config();
  if (!some) return some;
  if (config.max_datagrams_per_second == 0 && config.max_bytes_per_second == 0) return some;
  const event::MonotonicTime now = proxy_.io().dispatcher().now();
  const uint64_t wanted = some->count();
  uint64_t taken = wanted;
  if (config.max_datagrams_per_second != 0) {
    taken = datagrams_.take(taken, 1, config.max_datagrams_per_second, now);
  }
  if (config.max_bytes_per_second != 0) {
    taken = bytes_.take(taken, some->segment(), config.max_bytes_per_second, now);
  }
  if (taken < wanted) proxy_.metrics().rate_limited.add(wanted - taken);
  if (taken == 0) return std::nullopt;
  return some->first(static_cast<uint32_t>(taken));
}

std::optional<UdpDatagrams> UdpSession::withinSize(const UdpDatagrams& datagrams) {
  const uint32_t most = proxy_.config().max_datagram_bytes;
  if (datagrams.segment() <= most) return datagrams;
  // Of a run, the last one may be short enough.
  const UdpDatagrams last = datagrams.last();
  const bool one_fits = last.bytes.size() <= most;
  proxy_.metrics().too_large.add(datagrams.count() - (one_fits ? 1 : 0));
  if (!one_fits) return std::nullopt;
  return last;
}

bool UdpSession::chooseEndpoint() {
  asked_ = cluster_ = proxy_.cluster();
  if (!cluster_) return false;
  if (choose()) return true;
  cluster_.reset();
  return false;
}

// Datagrams do not wait for room: what finds none is dropped.
bool UdpSession::choose() {
  upstream::PickContext context;
  context.source = &peer_;
  if (has_local_) context.local = &local_;
  context.hash = hash();
  if (failed_host_) {
    context.attempt = 1;
    context.tried = {&*failed_host_, 1};
  }
  context.sticky = &sticky_;
  upstream::WorkerCluster::Choice choice = cluster_->choose(context);
  if (choice.kind == upstream::Pick::Kind::kFailure) {
    cluster_->cells().no_endpoint->add();
    return false;
  }
  cluster_ = std::move(choice.cluster);
  const bool found = choice.kind == upstream::Pick::Kind::kEndpoint;
  const uint32_t most = found ? choice.endpoint->endpoint().max_connections : 0;
  counted_ = most > 0 && upstream::ClusterUsage::tryAdd(choice.endpoint->usage().connections, most);
  if (!found || (most > 0 && !counted_)) {
    cluster_->queue().countRefused(upstream::WaitQueue::kOverflow);
    return false;
  }
  endpoint_ = std::move(choice.endpoint);
  slot_ = std::move(choice.slot);
  endpoint_->join(stay_);
  answered_ = false;
  chosen_at_ = proxy_.io().dispatcher().now();
  return true;
}

// The first answer, or that there will be none, for all who learn from traffic.
void UdpSession::report(bool success) {
  if (std::exchange(answered_, true)) return;
  if (success) {
    upstream::observeConnected(*endpoint_);
    upstream::observeSession(*endpoint_);
  }
  if (endpoint_->index() == upstream::WorkerEndpoint::kRemoved) return;
  const event::MonotonicTime now = proxy_.io().dispatcher().now();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - chosen_at_);
  cluster_->balancer().onResponse(endpoint_->index(), took, success, now);
}

std::optional<uint64_t> UdpSession::hash() const {
  using Policy = UdpProxyConfig::HashPolicy;
  const Policy policy = proxy_.config().hash_policy;
  if (policy == Policy::kNone) return std::nullopt;
  char bytes[36];
  size_t size = appendEnd(peer_, policy != Policy::kSourceIp, bytes);
  if (policy == Policy::kFiveTuple && has_local_) size += appendEnd(local_, true, bytes + size);
  return base::hash64({bytes, size});
}

// 0, or the errno of what the kernel did not do.
int UdpSession::openSocket() {
  const network::Address& address = endpoint_->address();
  if (!address.isIp()) return EAFNOSUPPORT;
  int error = 0;
  fd_ = network::openDatagramSocket(address, error);
  if (!fd_.valid()) return error;
  if (::connect(fd_.get(), address.data(), address.length()) != 0) {
    error = errno;
    fd_.reset();
    return error;
  }
  runs_ = offload_.receive && network::enableUdpGro(fd_.get());
  watcher_ = proxy_.io().dispatcher().createFdWatcher(fd_.get(), *this);
  watch();
  return 0;
}

// A socket to an endpoint. When there is none, `datagrams` are counted as dropped.
bool UdpSession::open(uint32_t datagrams) {
  UdpProxyMetrics& metrics = proxy_.metrics();
  if (!chooseEndpoint()) {
    metrics.no_endpoint.add(datagrams);
    return false;
  }
  const int error = openSocket();
  upstream::WorkerCluster::Cells& cells = cluster_->cells();
  cells.connections_total->add();
  cells.active_connections->add();
  endpoint_->stats().connections.add();
  endpoint_->stats().active_connections.add();
  if (error == 0) return true;
  metrics.no_socket.add(datagrams);
  fail(error);
  return false;
}

// The endpoint is no good: the next datagram tries another one.
void UdpSession::fail(int error) {
  proxy_.metrics().endpoint_errors.add();
  if (isAboutEndpoint(error)) upstream::observeConnectFailure(*endpoint_, {.error = error});
  cluster_->cells().connect_failures->add();
  endpoint_->stats().connect_failures.add();
  report(false);
  failed_host_ = endpoint_->index();
  close();
}

void UdpSession::close() {
  if (queue_ != nullptr) proxy_.metrics().refused.add(queue_->clear());
  if (watcher_ != nullptr) watcher_->closing();
  watcher_.reset();
  fd_.reset();
  if (!endpoint_) return;
  stay_.unlink();
  slot_.release();
  if (std::exchange(counted_, false)) {
    endpoint_->usage().connections.fetch_sub(1, std::memory_order_relaxed);
    cluster_->sharedRoomMade();
  }
  cluster_->cells().active_connections->sub();
  endpoint_->stats().active_connections.sub();
  upstream::WorkerCluster::release(cluster_, endpoint_);
  asked_.reset();
}

void UdpSession::shutdown() {
  timer_.cancel();
  close();
}

bool UdpSession::endpointGone() const {
  return endpoint_ && (endpoint_->gone() || asked_.get() != proxy_.cluster().get());
}

void UdpSession::onUpdate() {
  const bool end = endpointGone() && proxy_.config().removed == UdpProxyConfig::Removed::kEnd;
  if (end) proxy_.end(*this);
}

// It may not stay any longer, whatever the configuration says of endpoints that have gone.
void UdpSession::leaveEndpoint() {
  if (proxy_.config().removed == UdpProxyConfig::Removed::kEnd) return proxy_.end(*this);
  proxy_.metrics().moved.add();
  close();
}

void UdpSession::drain() {
  armTimer();
}

void UdpSession::send(std::span<UdpDatagrams> runs) {
  if (!fd_.valid() && !open(countOf(runs))) return;
  if (queue_ != nullptr && !queue_->empty()) return enqueue(runs);
  network::UdpSendResult result =
      network::sendDatagrams(fd_.get(), runs, offload_, /*stop_at_error=*/true);
  count(result);
  runs = behind(runs, result);
  if (result.error != 0) {
    // What the kernel tells of here was caused by an earlier datagram; this one has not left.
    if (isAboutEndpoint(result.error)) {
      fail(result.error);
      if (!open(countOf(runs))) return;
    }
    result = network::sendDatagrams(fd_.get(), runs, offload_, /*stop_at_error=*/false);
    count(result);
    runs = behind(runs, result);
  }
  enqueue(runs);
}

// What is left of `runs` after `result`.
std::span<UdpDatagrams> UdpSession::behind(std::span<UdpDatagrams> runs,
                                           const network::UdpSendResult& result) {
  runs = runs.subspan(result.entry);
  if (result.offset != 0) runs.front().bytes.remove_prefix(result.offset);
  return runs;
}

// Keeps what the socket has no room for until it is writable.
void UdpSession::enqueue(Runs rest) {
  if (rest.empty()) return;
  if (queue_ == nullptr) {
    queue_ = std::make_unique<network::UdpSendQueue>(proxy_.config().max_queued_bytes);
  }
  for (const UdpDatagrams& run : rest) {
    if (!queue_->add(run)) proxy_.metrics().no_room.add(run.count());
  }
  watch();
}

void UdpSession::flushQueue() {
  if (queue_ == nullptr) return;
  count(queue_->flush(fd_.get(), offload_));
  if (queue_->empty()) queue_.reset();
  watch();
}

void UdpSession::watch() {
  watcher_->watch({.readable = true, .writable = queue_ != nullptr});
}

void UdpSession::count(const network::UdpSendResult& result) {
  UdpProxyMetrics& metrics = proxy_.metrics();
  metrics.to_endpoints.add(result.sent);
  metrics.to_endpoints_bytes.add(result.sent_bytes);
  cluster_->cells().bytes_sent->add(result.sent_bytes);
  if (result.failed > 0) metrics.refused.add(result.failed);
}

void UdpSession::onFdReady(event::FdEvents events) {
  if (events.writable) flushQueue();
  for (int i = 0; i < kReadsPerEvent && events.readable && fd_.valid(); ++i) {
    int error = 0;
    const Runs batch = proxy_.io().udpReader().read(fd_.get(), {.runs = runs_}, error);
    if (error == EAGAIN) return;
    if (error != 0) return fail(error);
    for (const UdpDatagrams& datagrams : batch) {
      if (!answer(datagrams)) return;
    }
    if (batch.size() < network::UdpReader::kBatch) return;
  }
}

// False when the session has ended.
bool UdpSession::answer(const UdpDatagrams& datagrams) {
  const uint32_t most = proxy_.config().max_responses;
  UdpDatagrams answers = most == 0 ? datagrams : datagrams.first(most - responses_);
  answers.peer = &peer_;
  answers.local = has_local_ ? &local_ : nullptr;
  UdpProxyMetrics& metrics = proxy_.metrics();
  metrics.from_endpoints.add(answers.count());
  metrics.from_endpoints_bytes.add(answers.bytes.size());
  cluster_->cells().bytes_received->add(answers.bytes.size());
  report(true);
  sticky_.own = 0;  // whom the client was bound to has served it
  proxy_.host().send(answers);
  touch();
  if (most == 0) return true;
  responses_ += answers.count();
  if (responses_ < most) return true;
  proxy_.end(*this);
  return false;
}

void UdpSession::touch() {
  proxy_.touched(*this);
  armTimer();
}

void UdpSession::armTimer() {
  milliseconds delay = proxy_.quiet();
  const milliseconds most = proxy_.config().max_duration;
  if (most.count() != 0) {
    const auto passed =
        std::chrono::duration_cast<milliseconds>(proxy_.io().dispatcher().now() - began_);
    delay = std::min(delay, std::max(most - passed, milliseconds(0)));
  }
  timer_.arm(delay);
}

void UdpSession::onTimer() {
  proxy_.metrics().timeouts.add();
  proxy_.end(*this);
}

}  // namespace weir::extensions::udp_filters::udp_proxy
