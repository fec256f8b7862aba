#include "source/network/udp_listener.h"

#include <cerrno>
#include <span>
#include <utility>

#include "source/network/udp_reader.h"

namespace weir::network {

UdpListener::UdpListener(IoContext& io, base::ServiceMap& services, int fd, const Address& local,
                         std::shared_ptr<ConnectionBudget> total, UdpOffload offload)
    : io_(io),
      services_(services),
      fd_(fd),
      local_(local),
      total_(std::move(total)),
      offload_(offload),
      send_offload_(offload),
      runs_(offload.receive && enableUdpGro(fd)) {}

UdpListener::~UdpListener() {
  watcher_.reset();
  filter_.reset();
}

void UdpListener::update(std::shared_ptr<const ListenerConfig> config) {
  name_ = config->name;
  if (!metrics_) bindMetrics();
  const bool followed = filter_ != nullptr && filter_->follow(config->udp_filter);
  if (!followed) {
    filter_.reset();
    filter_ = config->udp_filter->bind(*this, services_);
  }
  factory_ = config->udp_filter;
  if (watcher_ == nullptr) {
    watcher_ = io_.dispatcher().createFdWatcher(fd_, *this);
    watcher_->watch({.readable = true, .writable = false});
  }
}

void UdpListener::bindMetrics() {
  auto& store = services_.get<stats::Store>();
  auto& block = services_.get<stats::Block>();
  const auto counter = [&](std::string_view name, std::string_view help,
                           const char* reason = nullptr) -> stats::Cell& {
    stats::Labels labels = {{"listener", name_}};
    if (reason != nullptr) labels.emplace_back("reason", reason);
    return block.counter(store.counter(name, help, std::move(labels)));
  };
  constexpr std::string_view kDropped = "Datagrams to clients that were dropped.";
  metrics_.emplace(Metrics{
      counter("udp_listener_received_total", "Datagrams that came from clients."),
      counter("udp_listener_received_bytes_total", "Bytes in datagrams that came from clients."),
      counter("udp_listener_sent_total", "Datagrams sent to clients."),
      counter("udp_listener_sent_bytes_total", "Bytes in datagrams sent to clients."),
      counter("udp_listener_dropped_total", kDropped, "no_room"),
      counter("udp_listener_dropped_total", kDropped, "refused"),
      counter("udp_listener_read_errors_total", "Errors of the listener's socket while reading."),
  });
}

void UdpListener::drain() {
  if (filter_ != nullptr) filter_->drain();
}

void UdpListener::closeAll() {
  watcher_.reset();
  if (filter_ != nullptr) filter_->closeAll();
}

void UdpListener::onFdReady(event::FdEvents events) {
  if (events.writable) {
    setBlocked(false);
    flush();
  }
  const UdpReader::Wanted wanted{
      .peer = true, .bound = local_.isWildcard() ? &local_ : nullptr, .runs = runs_};
  for (int i = 0; i < kReadsPerEvent && events.readable && watcher_ != nullptr; ++i) {
    int error = 0;
    const std::span<const UdpDatagrams> batch = io_.udpReader().read(fd_, wanted, error);
    if (error != 0) {
      if (error != EAGAIN) metrics_->read_errors.add();
      return;
    }
    for (const UdpDatagrams& datagrams : batch) receive(datagrams);
    filter_->onBatchEnd();
    if (batch.size() < UdpReader::kBatch) return;
  }
}

void UdpListener::receive(const UdpDatagrams& datagrams) {
  metrics_->received.add(datagrams.count());
  metrics_->received_bytes.add(datagrams.bytes.size());
  filter_->onDatagrams(datagrams);
}

void UdpListener::send(const UdpDatagrams& datagrams) {
  UdpDatagrams wanted = datagrams;
  if (!local_.isWildcard()) wanted.local = nullptr;
  if (!blocked_ && wanted.bytes.size() >= kDirectBytes) {
    flush();
    if (!blocked_) {
      const UdpSendResult result =
          sendDatagrams(fd_, {&wanted, 1}, send_offload_, /*stop_at_error=*/false);
      count(result);
      if (result.entry == 1) return;
      wanted.bytes.remove_prefix(result.offset);
      setBlocked(true);
    }
  }
  if (queue_.add(wanted)) {
    if (!blocked_) io_.dispatcher().atTurnEnd(*this);
    return;
  }
  if (!blocked_) flush();
  if (blocked_ || !queue_.add(wanted)) {
    metrics_->no_room.add(wanted.count());
    return;
  }
  io_.dispatcher().atTurnEnd(*this);
}

void UdpListener::onTurnEnd() {
  if (!blocked_) flush();
}

void UdpListener::flush() {
  if (queue_.empty()) return;
  count(queue_.flush(fd_, send_offload_));
  if (!queue_.empty()) setBlocked(true);
}

void UdpListener::count(const UdpSendResult& result) {
  metrics_->sent.add(result.sent);
  metrics_->sent_bytes.add(result.sent_bytes);
  if (result.failed > 0) metrics_->refused.add(result.failed);
}

void UdpListener::setBlocked(bool blocked) {
  if (blocked == blocked_) return;
  blocked_ = blocked;
  if (watcher_ != nullptr) watcher_->watch({.readable = true, .writable = blocked});
}

bool UdpListener::acquireSession() {
  if (total_ && !total_->tryAcquire()) return false;
  ++sessions_;
  return true;
}

void UdpListener::releaseSession() {
  --sessions_;
  if (total_) total_->release();
}

}  // namespace weir::network
