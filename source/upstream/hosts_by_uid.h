#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weir::upstream {

struct HostSet;

// Finds the hosts of a host set by HostSet::Host::uid. Immutable; does not refer to the set.
class HostsByUid {
 public:
  explicit HostsByUid(const HostSet& hosts);
  // Index into HostSet::hosts. 0 is nobody's uid.
  std::optional<uint32_t> find(uint64_t uid) const;

 private:
  struct Slot {
    uint64_t uid = 0;  // 0: empty
    uint32_t host = 0;
  };
  std::vector<Slot> slots_;  // a power of two, at most half of them in use
  size_t mask_ = 0;
};

}  // namespace weir::upstream
