#include "source/network/udp_send_queue.h"

#include <algorithm>

namespace weir::network {

bool UdpSendQueue::add(const UdpDatagrams& datagrams) {
  const auto cost = [&] {
    return std::max(bytes_.size() + datagrams.bytes.size(), (entries_.size() + 1) * kLeastBytes);
  };
  if (cost() > max_bytes_) compact();
  if (cost() > max_bytes_) return false;
  Entry entry{.peer = datagrams.peer != nullptr ? *datagrams.peer : Address(),
              .local = datagrams.local != nullptr ? *datagrams.local : Address(),
              .begin = bytes_.size(),
              .size = datagrams.bytes.size(),
              .segment_bytes = datagrams.segment_bytes};
  bytes_.insert(bytes_.end(), datagrams.bytes.begin(), datagrams.bytes.end());
  entries_.push_back(std::move(entry));
  return true;
}

UdpDatagrams UdpSendQueue::view(const Entry& entry) const {
  const auto given = [](const Address& address) {
    return address.family() == Address::Family::kNone ? nullptr : &address;
  };
  return {.peer = given(entry.peer),
          .local = given(entry.local),
          .bytes = {bytes_.data() + entry.begin, entry.size},
          .segment_bytes = entry.segment_bytes};
}

UdpSendResult UdpSendQueue::flush(int fd, UdpOffload& offload) {
  views_.clear();
  for (size_t i = head_; i < entries_.size(); ++i) views_.push_back(view(entries_[i]));
  const UdpSendResult result = sendDatagrams(fd, views_, offload, /*stop_at_error=*/false);
  head_ += result.entry;
  if (empty()) {
    clear();
  } else {
    entries_[head_].begin += result.offset;
    entries_[head_].size -= result.offset;
  }
  return result;
}

uint32_t UdpSendQueue::clear() {
  uint32_t datagrams = 0;
  for (size_t i = head_; i < entries_.size(); ++i) datagrams += view(entries_[i]).count();
  bytes_.clear();
  entries_.clear();
  head_ = 0;
  return datagrams;
}

// Gives the room of what was sent back.
void UdpSendQueue::compact() {
  if (head_ == 0) return;
  const size_t done = empty() ? bytes_.size() : entries_[head_].begin;
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(done));
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
  for (Entry& entry : entries_) entry.begin -= done;
  head_ = 0;
}

}  // namespace weir::network
