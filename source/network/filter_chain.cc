#include "source/network/filter_chain.h"

#include <utility>

#include "source/network/io_context.h"

namespace weir::network {

WorkerFilterChain::WorkerFilterChain(std::shared_ptr<const FilterChainConfig> config,
                                     base::ServiceMap& services)
    : config_(std::move(config)) {
  filters_.reserve(config_->filters.size());
  for (const auto& filter : config_->filters) filters_.push_back(filter.factory->bind(services));
  if (config_->transport) transport_ = config_->transport->bind(services);
}

WorkerFilterChain& WorkerFilterChain::newest() {
  WorkerFilterChain* chain = this;
  while (chain->successor_) chain = chain->successor_.get();
  if (chain != this) successor_ = base::LocalRef<WorkerFilterChain>(chain);  // next time one step
  return *chain;
}

NetworkFilterChain::NetworkFilterChain(Owner& owner, std::unique_ptr<Connection> connection,
                                       base::LocalRef<WorkerFilterChain> bound,
                                       std::unique_ptr<ConnectionInfo> info)
    : owner_(owner), connection_(std::move(connection)), bound_(std::move(bound)) {
  if (info) extra().info = std::move(info);
  connection_->setHandler(*this);
}

NetworkFilterChain::~NetworkFilterChain() {
  // Front to back, without recursion.
  while (first_) first_ = std::move(first_->next_);
}

void NetworkFilterChain::start() {
  std::unique_ptr<NetworkFilter>* place = &first_;
  for (size_t i = 0; i < bound_->filterCount(); ++i) {
    *place = bound_->filter(i).create();
    NetworkFilter& filter = **place;
    filter.chain_ = this;
    filter.index_ = static_cast<uint8_t>(i);
    place = &filter.next_;
  }
  const auto& transport = bound_->config().transport;
  connection_->start(transport ? transport->handshakeTimeout() : std::chrono::milliseconds(0));
  if (!first_) return connection_->close(CloseMode::kNow);
  for (NetworkFilter* f = first_.get(); f != nullptr && connection_->open(); f = f->next_.get()) {
    f->begun_ = true;
    f->onNewConnection(*this);
  }
  if (!connection_->connecting()) tellConnected(first_.get());
}

void NetworkFilterChain::onConnected() {
  tellConnected(first_.get());
}

void NetworkFilterChain::tellConnected(NetworkFilter* filter) {
  for (; filter != nullptr && connection_->open(); filter = filter->next_.get()) {
    if (filter->onConnected() == Verdict::kContinue) continue;
    extra().not_connected = filter;
    if (connection_->open()) connection_->holdReading(true);
    return;
  }
}

void NetworkFilterChain::resumeConnected(NetworkFilter& filter) {
  if (!extra_ || extra_->not_connected != &filter || !connection_->open()) return;
  extra_->not_connected = nullptr;
  tellConnected(filter.next_.get());
  if (extra_->not_connected == nullptr && connection_->open()) connection_->holdReading(false);
}

ConnectionInfo& NetworkFilterChain::mutableInfo() {
  if (!extra().info) extra().info = std::make_unique<ConnectionInfo>();
  return *extra().info;
}

NetworkFilterChain::Extra& NetworkFilterChain::extra() {
  if (!extra_) extra_ = std::make_unique<Extra>();
  return *extra_;
}

std::string_view NetworkFilterChain::serverName() const {
  const SecurityInfo* security = connection_->transport().security();
  if (security != nullptr) return security->requestedServerName();
  return info() != nullptr ? std::string_view(info()->server_name) : std::string_view();
}

void NetworkFilterChain::rebind(WorkerFilterChain& newer) {
  bound_ = base::LocalRef<WorkerFilterChain>(&newer);
}

size_t NetworkFilterChain::indexOf(const NetworkFilter& filter) const {
  return filter.index_;
}

void NetworkFilterChain::onData(buffer::Buffer& data, bool end_stream) {
  deliver(first_.get(), data, end_stream);
  if (anythingLeft()) checkHold();
}

// What filter 0 leaves stays in the connection's input, which `data` is then; what a later one
// leaves moves to a buffer of its own, so that the filters before it do not see it twice.
void NetworkFilterChain::deliver(NetworkFilter* filter, buffer::Buffer& data, bool end_stream) {
  buffer::Buffer* offered = &data;
  while (filter != nullptr) {
    if (hasLeft(*filter) && &left(*filter) != offered) {
      left(*filter).append(*offered);
      offered = &left(*filter);
    }
    filter->ended_ = end_stream;
    filter->paused_ = false;
    const Verdict verdict = filter->onData(*offered, end_stream);
    if (!connection_->open()) return;
    NetworkFilter* next = filter->next_.get();
    if (verdict == Verdict::kPause || next == nullptr) {
      filter->paused_ = verdict == Verdict::kPause;
      const bool own_place = filter->index_ == 0 || &left(*filter) == offered;
      if (!own_place && !offered->empty()) left(*filter).append(*offered);
      return;
    }
    filter = next;
  }
}

// Buffers are made only for what has to be kept: an own place that does not exist is nobody's.
buffer::Buffer& NetworkFilterChain::left(const NetworkFilter& filter) {
  if (!anythingLeft()) {
    for (const NetworkFilter* f = first_.get(); f != nullptr; f = f->next_.get()) {
      extra().left.emplace_back(connection_->io().blocks());
    }
  }
  return extra_->left[filter.index_];
}

bool NetworkFilterChain::hasLeft(const NetworkFilter& filter) const {
  return anythingLeft() && !extra_->left[filter.index_].empty();
}

void NetworkFilterChain::resumeRead(NetworkFilter& filter) {
  if (!filter.paused_ || !connection_->open()) return;
  filter.paused_ = false;
  buffer::Buffer& data = filter.index_ == 0 ? connection_->input() : left(filter);
  const bool nothing = data.empty() && !filter.ended_;
  if (!nothing && filter.next_) deliver(filter.next_.get(), data, filter.ended_);
  if (anythingLeft()) checkHold();
}

void NetworkFilterChain::offerAgain(NetworkFilter& filter) {
  if (!connection_->open()) return;
  deliver(&filter, filter.index_ == 0 ? connection_->input() : left(filter), filter.ended_);
  if (anythingLeft()) checkHold();
}

void NetworkFilterChain::onReadResumed() {
  if (!anythingLeft()) return;
  NetworkFilter* last = first_.get();
  while (last->next_) last = last->next_.get();
  if (hasLeft(*last)) offerAgain(*last);
}

// The connection itself bounds what waits in its input.
void NetworkFilterChain::checkHold() {
  if (!connection_->open()) return;
  size_t bytes = 0;
  for (const buffer::Buffer& buffer : extra_->left) bytes += buffer.size();
  connection_->holdReading(bytes > kMaxLeftBytes);
}

void NetworkFilterChain::write(NetworkFilter& from, buffer::Buffer& data, bool end_stream) {
  for (size_t index = from.index_; index-- > 0;) {
    NetworkFilter* filter = first_.get();
    for (size_t i = 0; i < index; ++i) filter = filter->next_.get();
    if (!filter->wantsWrites()) continue;
    if (filter->onWrite(data, end_stream) == Verdict::kPause) {
      data.clear();
      return;
    }
  }
  connection_->write(data, end_stream);
}

bool NetworkFilterChain::writesDirectly(const NetworkFilter& from) const {
  for (const NetworkFilter* f = first_.get(); f != &from; f = f->next_.get()) {
    if (f->wantsWrites()) return false;
  }
  return true;
}

bool NetworkFilterChain::readsDirectly(const NetworkFilter& to) const {
  for (const NetworkFilter* f = first_.get(); f != &to; f = f->next_.get()) {
    if (f->wantsReads()) return false;
  }
  return true;
}

void NetworkFilterChain::drain() {
  for (NetworkFilter* f = first_.get(); f != nullptr && connection_->open(); f = f->next_.get()) {
    f->onDrain();
  }
}

void NetworkFilterChain::shutdown() {
  tellClosed(CloseReason::kLocal);
}

void NetworkFilterChain::tellClosed(CloseReason reason) {
  for (NetworkFilter* f = first_.get(); f != nullptr && f->begun_; f = f->next_.get()) {
    f->onClose(reason);
  }
}

void NetworkFilterChain::onAboveHighWatermark() {
  for (NetworkFilter* f = first_.get(); f != nullptr; f = f->next_.get()) f->onAboveHighWatermark();
}

void NetworkFilterChain::onBelowLowWatermark() {
  for (NetworkFilter* f = first_.get(); f != nullptr; f = f->next_.get()) f->onBelowLowWatermark();
}

void NetworkFilterChain::onClose(CloseReason reason) {
  tellClosed(reason);
  owner_.onConnectionClosed(*this);
}

}  // namespace weir::network
