#pragma once

#include <algorithm>
#include <array>
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
  uint32_t probes = 21;           // places of the ring that are looked at for each key; up to 64
};

// A ring of 2^32 places with the points of a group's endpoints on it. A key looks at several places
// and belongs to the point that is nearest behind any of them ("Multi-probe consistent hashing",
// Appleton and O'Reilly, 2015; with one probe it is the ring of Karger et al., 1997): so that many
// fewer points do for the same balance. Where an endpoint's points are depends on it alone. Points
// are kept in order, found through an index over the leading bits of the place. Immutable.
class RingTable final : public upstream::BalancerTable {
 public:
  static constexpr uint32_t kMostProbes = 64;

  // Linear in the number of points. `group` is in `hosts` and not empty.
  RingTable(const upstream::HostSet& hosts, const upstream::HostGroup& group,
            const RingOptions& options);

  uint32_t owner(uint64_t key) const {
    // In steps, so that memory is waited for once and not for each probe.
    std::array<uint32_t, kMostProbes> places;
    std::array<uint32_t, kMostProbes> points;
    for (uint32_t probe = 0; probe < probes_; ++probe) {
      places[probe] = placeOf(key, probe);
      points[probe] = first_[places[probe] >> shift_];
    }
    uint64_t nearest = ~uint64_t{0};
    for (uint32_t probe = 0; probe < probes_; ++probe) {
      const uint32_t place = places[probe];
      nearest = std::min(nearest, distance(place, behind(place, points[probe])));
    }
    return hosts_[static_cast<uint32_t>(nearest)];
  }
  // The owner that the key has when only those endpoints are there for which usable(host) holds.
  // Nothing when there are none.
  template <class Usable>
  std::optional<uint32_t> ownerAmong(uint64_t key, const Usable& usable) const {
    uint64_t nearest = ~uint64_t{0};
    for (uint32_t probe = 0; probe < probes_; ++probe) {
      const uint32_t place = placeOf(key, probe);
      uint32_t at = behind(place);
      for (size_t seen = 0; !usable(hosts_[at]); ++seen) {
        if (seen == points()) return std::nullopt;
        if (++at == points()) at = 0;
      }
      nearest = std::min(nearest, distance(place, at));
    }
    return hosts_[static_cast<uint32_t>(nearest)];
  }

  size_t points() const { return hosts_.size(); }
  size_t bytes() const {
    return (places_.size() + hosts_.size() + first_.size()) * sizeof(uint32_t);
  }

 private:
  // Pseudo-random in key and probe; with nothing in common with the coin that slow start makes of
  // the key.
  static uint32_t placeOf(uint64_t key, uint32_t probe) {
    return static_cast<uint32_t>(base::mix64(key + probe * 0xd1342543de82ef95) >> 32);
  }
  // How far the point is behind the place, in the upper half; which it is, in the lower one.
  uint64_t distance(uint32_t place, uint32_t point) const {
    return uint64_t{places_[point] - place} << 32 | point;
  }
  uint32_t behind(uint32_t place) const { return behind(place, first_[place >> shift_]); }
  // The first point at or behind `place`, from `at` on. What most buckets need is done without a
  // branch that nobody could foretell.
  uint32_t behind(uint32_t place, uint32_t at) const {
    at += places_[at] < place ? 1 : 0;
    at += places_[at] < place ? 1 : 0;
    while (places_[at] < place) ++at;
    return at == hosts_.size() ? 0 : at;
  }
  // Place in the upper half, host in the lower one.
  void sortInto(const std::vector<uint64_t>& points);

  uint32_t probes_;
  unsigned shift_ = 0;
  // Of the points, ascending; one more is behind all of them. Apart from the hosts, of which a pick
  // needs only one: so that they stay in the cache.
  std::vector<uint32_t> places_;
  std::vector<uint32_t> hosts_;
  std::vector<uint32_t> first_;  // by the place's leading bits: the first point there or behind
};

}  // namespace weir::extensions::load_balancing::ring_hash
