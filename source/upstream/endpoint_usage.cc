#include "source/upstream/endpoint_usage.h"

namespace weir::upstream {

EndpointUsage::~EndpointUsage() {
  while (first_ != nullptr) {
    const std::unique_ptr<Cells> cells(first_);
    first_ = cells->next_;
  }
}

EndpointUsage::Cells& EndpointUsage::join() {
  auto cells = std::make_unique<Cells>();
  const std::lock_guard lock(mutex_);
  cells->next_ = first_;
  first_ = cells.release();
  return *first_;
}

void EndpointUsage::leave(Cells& cells) {
  const std::unique_ptr<Cells> gone(&cells);
  const std::lock_guard lock(mutex_);
  Cells** at = &first_;
  while (*at != &cells) at = &(*at)->next_;
  *at = cells.next_;
  if (left_ == nullptr) left_ = std::make_unique<Totals>();
  add(cells, *left_);
}

EndpointUsage::Totals EndpointUsage::totals() const {
  const std::lock_guard lock(mutex_);
  Totals all = left_ != nullptr ? *left_ : Totals();
  for (const Cells* cells = first_; cells != nullptr; cells = cells->next_) add(*cells, all);
  return all;
}

void EndpointUsage::add(const Cells& cells, Totals& to) {
  to.requests += cells.requests.value();
  for (int i = 0; i < 5; ++i) to.responses_by_class[i] += cells.responses_by_class[i].value();
  to.response_us += cells.response_us.value();
  to.completed += cells.completed.value();
  to.connections += cells.connections.value();
  to.connect_failures += cells.connect_failures.value();
  to.resets += cells.resets.value();
  to.active_requests += cells.active_requests.value();
  to.active_connections += cells.active_connections.value();
  to.good += cells.good.value();
  to.bad += cells.bad.value();
  to.timed += cells.timed.value();
  to.waited_us += cells.waited_us.value();
}

}  // namespace weir::upstream
