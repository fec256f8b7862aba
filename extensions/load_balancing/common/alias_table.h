#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "source/upstream/endpoint.h"

namespace weir::extensions::load_balancing::common {

// Draws hosts of a group in proportion to their weights, in constant time: Walker's alias method
// (1974), built as Vose does (1991), in whole numbers. Immutable.
class AliasTable final : public upstream::BalancerTable {
 public:
  AliasTable(const upstream::HostSet& hosts, const upstream::HostGroup& group);
  // That of the group when one has been prepared, else a new one.
  static std::shared_ptr<const AliasTable> of(const upstream::HostSet& hosts,
                                              const upstream::HostGroup& group);

  // Every host has the same weight.
  bool equalWeights() const { return slots_.empty(); }
  // A position in HostGroup::hosts, of 64 random bits. Only when the group is not empty.
  size_t draw(uint64_t bits) const {
    const unsigned __int128 product = static_cast<unsigned __int128>(bits) * count_;
    const auto at = static_cast<size_t>(product >> 64);
    if (slots_.empty()) return at;
    // The bits that did not choose the slot choose in it.
    const Slot& slot = slots_[at];
    return static_cast<uint32_t>(product >> 32) < slot.own ? at : slot.other;
  }

 private:
  struct Slot {
    uint32_t own;    // of 2^32 draws, those that the position itself gets
    uint32_t other;  // position that gets the rest
  };
  void fill(const std::vector<uint64_t>& weights, uint64_t sum);

  const size_t count_;
  std::vector<Slot> slots_;  // empty when every weight is the same
};

}  // namespace weir::extensions::load_balancing::common
