#include "extensions/http_filters/admission_control/success_window.h"

#include <algorithm>
#include <cmath>

namespace weir::extensions::http_filters::admission_control {

double AdmissionLaw::rejection(uint64_t requests, uint64_t successes) const {
  const auto all = static_cast<double>(requests);
  if (all < rps_threshold * static_cast<double>(window.count())) return 0;
  const double missing = all - static_cast<double>(successes) / threshold;
  if (missing <= 0) return 0;
  return std::min(max_rejection, std::pow(missing / (all + 1), 1 / aggression));
}

SuccessWindow::SuccessWindow(std::chrono::seconds window)
    : seconds_(static_cast<size_t>(std::max<int64_t>(1, window.count()))) {}

void SuccessWindow::moveTo(event::MonotonicTime now) {
  const int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (second <= current_) return;
  const auto size = static_cast<int64_t>(seconds_.size());
  for (int64_t i = std::max(current_ + 1, second - size + 1); i <= second; ++i) {
    Second& old = seconds_[static_cast<size_t>(i % size)];
    totals_.requests -= old.requests;
    totals_.successes -= old.successes;
    old = {};
  }
  current_ = second;
}

void SuccessWindow::add(bool success, event::MonotonicTime now) {
  moveTo(now);
  Second& second = seconds_[static_cast<size_t>(current_ % static_cast<int64_t>(seconds_.size()))];
  ++second.requests;
  ++totals_.requests;
  if (!success) return;
  ++second.successes;
  ++totals_.successes;
}

SuccessWindow::Totals SuccessWindow::totals(event::MonotonicTime now) {
  moveTo(now);
  return totals_;
}

}  // namespace weir::extensions::http_filters::admission_control
