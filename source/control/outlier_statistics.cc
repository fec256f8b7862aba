#include "source/control/outlier_statistics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "source/base/concat.h"

namespace weir::control {
namespace {

using upstream::OutlierPolicy;

constexpr size_t kLeastLatencies = 3;
// What is computed in two ways may differ by so much and is the same.
constexpr double kEqual = 1e-9;

// One endpoint's figure that is compared with the others'.
struct Figure {
  size_t index = 0;
  double value = 0;
};

// "41.2"
std::string oneDecimal(double value) {
  std::array<char, 64> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                 std::chars_format::fixed, 1);
  return {digits.data(), end.ptr};
}

std::string milliseconds(double microseconds) {
  return base::concat(oneDecimal(microseconds / 1000), " ms");
}

double successRate(const OutlierSample& sample) {
  return 100.0 * static_cast<double>(sample.good) / static_cast<double>(sample.requests());
}

// Those with enough requests; the least figure in front.
std::vector<Figure> successRates(std::span<const OutlierSample> samples, uint64_t min_requests) {
  std::vector<Figure> rates;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].requests() >= std::max<uint64_t>(min_requests, 1)) {
      rates.push_back({i, successRate(samples[i])});
    }
  }
  std::stable_sort(rates.begin(), rates.end(),
                   [](const Figure& a, const Figure& b) { return a.value < b.value; });
  return rates;
}

// Likewise; the greatest in front.
std::vector<Figure> meanTimes(std::span<const OutlierSample> samples, uint64_t min_requests) {
  std::vector<Figure> times;
  for (size_t i = 0; i < samples.size(); ++i) {
    const OutlierSample& sample = samples[i];
    if (sample.timed < std::max<uint64_t>(min_requests, 1)) continue;
    times.push_back({i, static_cast<double>(sample.waited_us) / static_cast<double>(sample.timed)});
  }
  std::stable_sort(times.begin(), times.end(),
                   [](const Figure& a, const Figure& b) { return a.value > b.value; });
  return times;
}

double median(const std::vector<Figure>& sorted) {
  const size_t half = sorted.size() / 2;
  if (sorted.size() % 2 == 1) return sorted[half].value;
  return (sorted[half - 1].value + sorted[half].value) / 2;
}

void addByFailures(std::span<const OutlierSample> samples, const OutlierPolicy& policy,
                   const std::vector<Figure>& rates, std::vector<Outlier>& to) {
  if (policy.failure_percentage == 0) return;
  for (const Figure& rate : rates) {
    const OutlierSample& sample = samples[rate.index];
    if (sample.bad * 100 < sample.requests() * policy.failure_percentage) continue;
    to.push_back({rate.index, EjectionReason::kFailurePercentage,
                  base::concat("failure_percentage: ", sample.bad, " of ", sample.requests(),
                               " requests failed (limit ", policy.failure_percentage, " %)")});
  }
}

void addByRate(std::span<const OutlierSample> samples, const OutlierPolicy& policy,
               const std::vector<Figure>& rates, std::vector<Outlier>& to) {
  if (policy.success_rate_stdev_factor <= 0 || rates.empty() ||
      rates.size() < policy.success_rate_min_endpoints) {
    return;
  }
  double sum = 0;
  for (const Figure& rate : rates) sum += rate.value;
  const double mean = sum / static_cast<double>(rates.size());
  double squares = 0;
  for (const Figure& rate : rates) squares += (rate.value - mean) * (rate.value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(rates.size()));
  const double limit = mean - policy.success_rate_stdev_factor * deviation;
  for (const Figure& rate : rates) {
    if (rate.value >= limit - kEqual || rate.value > mean - kLeastRateDifference) break;
    if (samples[rate.index].bad < kLeastFailures) continue;
    to.push_back({rate.index, EjectionReason::kSuccessRate,
                  base::concat("success_rate: ", oneDecimal(rate.value), " % against ",
                               oneDecimal(mean), " % (limit ", oneDecimal(limit), " %)")});
  }
}

void addByLatency(const std::vector<Figure>& times, const OutlierPolicy& policy,
                  std::vector<Outlier>& to) {
  if (policy.latency_percent_of_median == 0 || times.size() < kLeastLatencies) return;
  const double middle = median(times);
  const double limit = std::max(middle, kLeastMedianUs) * policy.latency_percent_of_median / 100;
  for (const Figure& time : times) {
    if (time.value <= limit + kEqual) break;
    to.push_back({time.index, EjectionReason::kLatency,
                  base::concat("latency: ", milliseconds(time.value), " against ",
                               milliseconds(middle), " (limit ", milliseconds(limit), ")")});
  }
}

}  // namespace

std::string_view ejectionReasonName(EjectionReason reason) {
  switch (reason) {
    case EjectionReason::kConsecutive5xx:
      return "consecutive_5xx";
    case EjectionReason::kConsecutiveGatewayErrors:
      return "consecutive_gateway_errors";
    case EjectionReason::kConsecutiveConnectFailures:
      return "consecutive_connect_failures";
    case EjectionReason::kSuccessRate:
      return "success_rate";
    case EjectionReason::kFailurePercentage:
      return "failure_percentage";
    case EjectionReason::kLatency:
      return "latency";
  }
  return "";
}

OutlierSample OutlierSample::since(const OutlierSample& before) const {
  return {.good = good - before.good,
          .bad = bad - before.bad,
          .timed = timed - before.timed,
          .waited_us = waited_us - before.waited_us};
}

std::vector<Outlier> findOutliers(std::span<const OutlierSample> samples,
                                  const OutlierPolicy& policy) {
  std::vector<Outlier> all;
  const std::vector<Figure> rates = successRates(samples, policy.min_requests);
  addByFailures(samples, policy, rates, all);
  addByRate(samples, policy, rates, all);
  addByLatency(meanTimes(samples, policy.min_requests), policy, all);
  std::vector<bool> known(samples.size());
  std::erase_if(all, [&](const Outlier& outlier) {
    const bool again = known[outlier.index];
    known[outlier.index] = true;
    return again;
  });
  return all;
}

}  // namespace weir::control
