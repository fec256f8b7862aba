#include "extensions/load_balancing/ring_hash/ring_table.h"

#include <bit>
#include <string_view>

namespace weir::extensions::load_balancing::ring_hash {
namespace {

// XXH64 of the endpoint's identity; the number of the point is the seed.
uint32_t placeOfPoint(uint64_t uid, uint32_t number) {
  return static_cast<uint32_t>(
      base::hash64({reinterpret_cast<const char*>(&uid), sizeof uid}, number) >> 32);
}

// Points of one of the group by its weight. With less than all that the weights ask for, each has
// at least one.
class PointCounts {
 public:
  PointCounts(const upstream::HostSet& hosts, const upstream::HostGroup& group,
              const RingOptions& options)
      : hosts_(hosts), wanted_per_weight_(options.points_per_weight) {
    uint64_t weights = 0;
    for (const uint32_t host : group.hosts) weights += hosts.hosts[host].endpoint->weight;
    const uint64_t wanted = weights * wanted_per_weight_;
    if (wanted > options.max_points) {
      scale_ = static_cast<double>(options.max_points) / static_cast<double>(wanted);
    }
  }
  uint32_t of(uint32_t host) const {
    const uint64_t wanted = uint64_t{hosts_.hosts[host].endpoint->weight} * wanted_per_weight_;
    if (!scale_) return static_cast<uint32_t>(wanted);
    return std::max(1U, static_cast<uint32_t>(static_cast<double>(wanted) * *scale_));
  }

 private:
  const upstream::HostSet& hosts_;
  const uint64_t wanted_per_weight_;
  std::optional<double> scale_;
};

}  // namespace

RingTable::RingTable(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                     const RingOptions& options)
    : probes_(std::min(options.probes, kMostProbes)) {
  const PointCounts counts(hosts, group, options);
  std::vector<uint64_t> points;
  for (const uint32_t host : group.hosts) {
    const uint64_t uid = hosts.hosts[host].uid;
    for (uint32_t i = 0, count = counts.of(host); i < count; ++i) {
      points.push_back(uint64_t{placeOfPoint(uid, i)} << 32 | host);
    }
  }
  sortInto(points);
}

// By the leading bits first, which is what the index has to know anyway; what is left to sort then
// are buckets of one or two.
void RingTable::sortInto(const std::vector<uint64_t>& points) {
  const unsigned bits =
      std::clamp(static_cast<unsigned>(std::bit_width(points.size())) - 1, 1U, 24U);
  shift_ = 32 - bits;
  const auto bucketOf = [&](uint64_t point) { return point >> (32 + shift_); };
  first_.assign((size_t{1} << bits) + 1, 0);
  for (const uint64_t point : points) ++first_[bucketOf(point) + 1];
  for (size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  std::vector<uint32_t> next(first_.begin(), first_.end() - 1);
  std::vector<uint64_t> sorted(points.size());
  for (const uint64_t point : points) sorted[next[bucketOf(point)]++] = point;
  for (size_t i = 0; i + 1 < first_.size(); ++i) {
    std::sort(sorted.begin() + first_[i], sorted.begin() + first_[i + 1]);
  }
  places_.reserve(points.size() + 1);
  hosts_.reserve(points.size());
  for (const uint64_t point : sorted) {
    places_.push_back(static_cast<uint32_t>(point >> 32));
    hosts_.push_back(static_cast<uint32_t>(point));
  }
  places_.push_back(~uint32_t{0});
}

}  // namespace weir::extensions::load_balancing::ring_hash
