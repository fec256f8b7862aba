#include "source/network/cidr_set.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace weir::network {

struct CidrSet::Item {
  Bits bits;
  uint8_t length;
  uint32_t value;
};

namespace {

std::vector<CidrSet::Entry> withoutValues(std::span<const Prefix> prefixes) {
  std::vector<CidrSet::Entry> entries;
  entries.reserve(prefixes.size());
  for (const Prefix& prefix : prefixes) entries.push_back({prefix, 0});
  return entries;
}

uint8_t equalBytes(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b) {
  return static_cast<uint8_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
}

}  // namespace

CidrSet::CidrSet(std::span<const Prefix> prefixes) : CidrSet(withoutValues(prefixes)) {}

CidrSet::CidrSet(std::span<const Entry> entries) {
  std::vector<Item> v4;
  std::vector<Item> v6;
  for (const Entry& entry : entries) {
    Item item{{}, entry.prefix.length(), entry.value};
    const bool is_v4 = entry.prefix.isIpv4();
    std::memcpy(item.bits.data(), entry.prefix.bits(), is_v4 ? 4 : 16);
    (is_v4 ? v4 : v6).push_back(item);
  }
  v4_root_ = buildFamily(std::move(v4));
  v6_root_ = buildFamily(std::move(v6));
  nodes_.shrink_to_fit();
  slots_.shrink_to_fit();
  keys_.shrink_to_fit();
}

CidrSet::Slot CidrSet::buildFamily(std::vector<Item> items) {
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.bits != b.bits ? a.bits < b.bits : a.length < b.length;
  });
  items.erase(std::unique(items.begin(), items.end(),
                          [](const Item& a, const Item& b) {
                            return a.bits == b.bits && a.length == b.length;
                          }),
              items.end());
  size_ += items.size();
  Slot everywhere = kNoSlot;
  std::span<const Item> rest(items);
  if (!rest.empty() && rest.front().length == 0) {
    everywhere = rest.front().value;
    rest = rest.subspan(1);
  }
  return build(rest, 0, everywhere);
}

// `items`: sorted, alike in the bytes before `from`, longer than these.
CidrSet::Slot CidrSet::build(std::span<const Item> items, uint8_t from, Slot inherited) {
  if (items.empty()) return inherited;
  Node node;
  node.from = from;
  node.byte = equalBytes(items.front().bits, items.back().bits);
  std::vector<Item> here;
  std::vector<Item> below;
  for (const Item& item : items) {
    node.byte = std::min(node.byte, static_cast<uint8_t>((item.length - 1) / 8));
  }
  for (const Item& item : items)
    (item.length <= (node.byte + 1) * 8 ? here : below).push_back(item);
  std::array<Slot, 256> table;
  table.fill(inherited);
  std::stable_sort(here.begin(), here.end(),
                   [](const Item& a, const Item& b) { return a.length < b.length; });
  for (const Item& item : here) {
    const size_t count = size_t{1} << ((node.byte + 1) * 8 - item.length);
    std::fill_n(table.begin() + item.bits[node.byte], count, item.value);
  }
  for (std::span<const Item> left(below); !left.empty();) {
    const uint8_t byte = left.front().bits[node.byte];
    const auto end = std::find_if(left.begin(), left.end(),
                                  [&](const Item& item) { return item.bits[node.byte] != byte; });
    const auto count = static_cast<size_t>(end - left.begin());
    table[byte] = build(left.first(count), static_cast<uint8_t>(node.byte + 1), table[byte]);
    left = left.subspan(count);
  }
  node.first_slot = appendSlots(table, node.starts);
  node.otherwise = inherited;
  if (node.byte > from) {
    node.key = static_cast<uint32_t>(keys_.size());
    keys_.push_back(items.front().bits);
  }
  nodes_.push_back(node);
  return kNodeBit | static_cast<Slot>(nodes_.size() - 1);
}

uint32_t CidrSet::appendSlots(const std::array<Slot, 256>& table, std::array<uint64_t, 4>& starts) {
  const auto first = static_cast<uint32_t>(slots_.size());
  for (size_t i = 0; i < table.size(); ++i) {
    if (i > 0 && table[i] == table[i - 1]) continue;
    starts[i / 64] |= uint64_t{1} << (i % 64);
    slots_.push_back(table[i]);
  }
  return first;
}

uint32_t CidrSet::walk(Slot slot, const uint8_t* bits) const {
  while ((slot & kNodeBit) != 0) {
    const Node& node = nodes_[slot & ~kNodeBit];
    if (node.byte > node.from && std::memcmp(bits + node.from, keys_[node.key].data() + node.from,
                                             node.byte - node.from) != 0) {
      slot = node.otherwise;
      break;
    }
    const unsigned byte = bits[node.byte];
    unsigned run = 0;
    for (unsigned word = 0; word < byte / 64; ++word) {
      run += static_cast<unsigned>(std::popcount(node.starts[word]));
    }
    const uint64_t upto = ~uint64_t{0} >> (63 - byte % 64);
    run += static_cast<unsigned>(std::popcount(node.starts[byte / 64] & upto));
    slot = slots_[node.first_slot + run - 1];
  }
  return slot == kNoSlot ? kNone : slot;
}

uint32_t CidrSet::find(const Address& address) const {
  if (size_ == 0) return kNone;
  switch (address.family()) {
    case Address::Family::kIpv4: {
      const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address.data());
      return walk(v4_root_, reinterpret_cast<const uint8_t*>(&v4->sin_addr));
    }
    case Address::Family::kIpv6: {
      const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr;
      return IN6_IS_ADDR_V4MAPPED(&v6) ? walk(v4_root_, v6.s6_addr + 12)
                                       : walk(v6_root_, v6.s6_addr);
    }
    case Address::Family::kNone:
    case Address::Family::kUnix:
      break;
  }
  return kNone;
}

size_t CidrSet::memoryBytes() const {
  return nodes_.size() * sizeof(Node) + slots_.size() * sizeof(Slot) + keys_.size() * sizeof(Bits);
}

}  // namespace weir::network
