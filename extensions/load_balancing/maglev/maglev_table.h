#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "source/upstream/endpoint.h"

namespace weir::extensions::load_balancing::maglev {

bool isPrime(uint32_t number);
// The smallest prime that is at least `number`.
uint32_t primeFrom(uint32_t number);

// The lookup table of "Maglev: A Fast and Reliable Software Network Load Balancer" (Eisenbud et
// al., NSDI 2016): the endpoints of a group take turns in claiming entries, each in an order of its
// own, as many as their weight says. The first one that would have liked to have an entry that was
// taken is remembered as its second owner: nearly always who would own it if the owner were not
// there. Immutable.
class MaglevTable final : public upstream::BalancerTable {
 public:
  // The table has `size` entries, or as many as the next prime, or the next above the number of
  // endpoints. `group` is in `hosts` and not empty.
  MaglevTable(const upstream::HostSet& hosts, const upstream::HostGroup& group, uint32_t size);

  uint32_t size() const { return size_; }
  // Every bit of the key counts.
  uint32_t entryOf(uint64_t key) const {
    return static_cast<uint32_t>(static_cast<unsigned __int128>(key) * size_ >> 64);
  }
  uint32_t owner(uint32_t entry) const { return at(entry); }
  // The owner itself when it is alone.
  uint32_t secondOwner(uint32_t entry) const { return at(size_ + entry); }
  size_t bytes() const {
    return narrow_.size() * sizeof(uint16_t) + wide_.size() * sizeof(uint32_t);
  }

 private:
  uint32_t at(uint32_t index) const { return wide_.empty() ? narrow_[index] : wide_[index]; }

  uint32_t size_;
  // Owners, and behind them second owners. One of the two is empty: which, depends on how many
  // hosts there are.
  std::vector<uint16_t> narrow_;
  std::vector<uint32_t> wide_;
};

}  // namespace weir::extensions::load_balancing::maglev
