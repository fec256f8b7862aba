#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "source/base/hash.h"
#include "source/upstream/endpoint.h"

namespace weir::extensions::load_balancing::ring_hash {

struct RingOptions {
  uint32_t points_per_weight = 160;
  uint32_t max_points = 1 << 20;  // of all endpoints; more are scaled down
  uint32_t probes = 21;           // places of the ring that are looked at for each key
};

// A ring of 2^32 places with the points of a group's endpoints on it. A key looks at several places
// and belongs to the point that is nearest behind any of them ("Multi-probe consistent hashing",
// Appleton and O'Reilly, 2015; with one probe it is the ring of Karger et al., 1997): so that many
// fewer points do for the same balance. Where an endpoint's points are depends on it alone. Points
// are kept in order, found through an index over the leading bits of the place. Immutable.
class RingTable final : public upstream::BalancerTable {
 public:
  // Linear in the number of points. `group` is in `hosts` and not empty.
  RingTable(const upstream::HostSet& hosts, const upstream::HostGroup& group,
            const RingOptions& options);

  uint32_t owner(uint64_t key) const {
    uint64_t nearest = ~uint64_t{0};
    for (uint32_t probe = 0; probe < probes_; ++probe) {
      const uint32_t place = placeOf(key, probe);
      nearest = std::min(nearest, distance(points_[behind(place)], place));
    }
    return static_cast<uint32_t>(nearest);
  }
  // The owner that the key has when only those endpoints are there for which usable(host) holds.
  // Nothing when there are none.
  template <class Usable>
  std::optional<uint32_t> ownerAmong(uint64_t key, const Usable& usable) const {
    uint64_t nearest = ~uint64_t{0};
    for (uint32_t probe = 0; probe < probes_; ++probe) {
      const uint32_t place = placeOf(key, probe);
      size_t at = behind(place);
      for (size_t seen = 0; !usable(static_cast<uint32_t>(points_[at])); ++seen) {
        if (seen == count_) return std::nullopt;
        if (++at == count_) at = 0;
      }
      nearest = std::min(nearest, distance(points_[at], place));
    }
    return static_cast<uint32_t>(nearest);
  }

  size_t points() const { return count_; }
  size_t bytes() const {
    return points_.size() * sizeof(uint64_t) + first_.size() * sizeof(uint32_t);
  }

 private:
  // Pseudo-random in key and probe; with nothing in common with the coin that slow start makes of
  // the key.
  static uint32_t placeOf(uint64_t key, uint32_t probe) {
    return static_cast<uint32_t>(base::mix64(key + probe * 0xd1342543de82ef95) >> 32);
  }
  // How far the point is behind the place, in the upper half; its endpoint in the lower one.
  static uint64_t distance(uint64_t point, uint32_t place) {
    return point - (uint64_t{place} << 32);
  }
  // Index of the first point at or behind `place`. Most buckets have no point or one.
  size_t behind(uint32_t place) const {
    const uint64_t wanted = uint64_t{place} << 32;
    size_t at = first_[place >> shift_];
    at += points_[at] < wanted ? 1 : 0;
    while (points_[at] < wanted) ++at;
    return at == count_ ? 0 : at;
  }
  void sortInto(const std::vector<uint64_t>& points);

  uint32_t probes_;
  unsigned shift_ = 0;
  size_t count_ = 0;
  // Place in the upper half, host in the lower one; ascending. One more is behind all places.
  std::vector<uint64_t> points_;
  std::vector<uint32_t> first_;  // by the place's leading bits: the first point there or behind
};

}  // namespace weir::extensions::load_balancing::ring_hash
