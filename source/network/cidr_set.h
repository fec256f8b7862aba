#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "source/network/address.h"

namespace weir::network {

// Many address prefixes, found by the longest that contains an address. A trie of eight bits a
// step for IPv4 and one for IPv6; IPv4-mapped IPv6 addresses and prefixes are IPv4, as in
// Prefix::contains(). Looking up allocates nothing and takes at most 4 (IPv4) or 16 steps, fewer
// where the prefixes leave nothing to choose. Immutable; copies are deep.
class CidrSet {
 public:
  static constexpr uint32_t kNone = 0xffffffff;
  struct Entry {
    Prefix prefix;
    uint32_t value = 0;  // an index of the caller's, below 2^31 - 1
  };

  CidrSet() = default;
  // Of entries with the same prefix the first counts.
  explicit CidrSet(std::span<const Entry> entries);
  // All with value 0.
  explicit CidrSet(std::span<const Prefix> prefixes);

  // The value of the longest prefix that contains `address`; kNone: none does, or it is no IP.
  uint32_t find(const Address& address) const;
  bool contains(const Address& address) const { return find(address) != kNone; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }  // prefixes that differ
  size_t memoryBytes() const;

 private:
  using Bits = std::array<uint8_t, 16>;
  struct Item;
  // The next byte of an address chooses a slot. Neighbouring slots that lead to the same are one
  // run; a bit of `starts` tells where one begins. Bytes that all prefixes here have in common are
  // compared at once, with those of keys_[key].
  struct Node {
    std::array<uint64_t, 4> starts{};
    uint32_t first_slot = 0;
    uint32_t key = 0;
    uint32_t otherwise = 0;  // when the compared bytes differ
    uint8_t from = 0;        // the compared bytes
    uint8_t byte = 0;        // the one that chooses
  };
  // A value, or with the highest bit set the index of a node; kNoSlot: nothing.
  using Slot = uint32_t;
  static constexpr Slot kNodeBit = 0x80000000;
  static constexpr Slot kNoSlot = 0x7fffffff;

  Slot buildFamily(std::vector<Item> items);
  Slot build(std::span<const Item> items, uint8_t from, Slot inherited);
  uint32_t appendSlots(const std::array<Slot, 256>& table, std::array<uint64_t, 4>& starts);
  uint32_t walk(Slot slot, const uint8_t* bits) const;

  std::vector<Node> nodes_;
  std::vector<Slot> slots_;
  std::vector<Bits> keys_;
  Slot v4_root_ = kNoSlot;
  Slot v6_root_ = kNoSlot;
  size_t size_ = 0;
};

}  // namespace weir::network
