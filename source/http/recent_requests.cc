#include "source/http/recent_requests.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <tuple>

#include "source/http/route.h"

namespace weir::http {
namespace {

constexpr uint8_t kNoGrpc = 0xff;

// So much of each is kept at most, by Text; what is left of the room goes to the path.
constexpr std::array<uint16_t, 9> kMost = {64, 48, 32, 40, 40, 32, 16, 64, 346};

// What is added to a text before the path needs no look at the room.
constexpr size_t sumButLast(const std::array<uint16_t, 9>& sizes) {
  size_t sum = 0;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) sum += sizes[i];
  return sum;
}
static_assert(sumButLast(kMost) <= kMost.back(), "the texts before the path must fit");

uint32_t microseconds(event::MonotonicTime from, event::MonotonicTime to) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(took, 0, ~uint32_t{0}));
}

template <class Block>
void copyEnds(char* to, const char* from, size_t size) {
  Block first, last;
  std::memcpy(&first, from, sizeof(Block));
  std::memcpy(&last, from + size - sizeof(Block), sizeof(Block));
  std::memcpy(to, &first, sizeof(Block));
  std::memcpy(to + size - sizeof(Block), &last, sizeof(Block));
}

// memcpy for texts that are mostly shorter than what a call of it costs.
inline void copyShort(char* to, const char* from, size_t size) {
  using Sixteen = std::array<char, 16>;
  if (size >= 16) {
    if (size > 48) {
      std::memcpy(to, from, size);
      return;
    }
    if (size > 32) std::memcpy(to + 16, from + 16, 16);
    return copyEnds<Sixteen>(to, from, size);
  }
  if (size >= 8) return copyEnds<uint64_t>(to, from, size);
  if (size >= 4) return copyEnds<uint32_t>(to, from, size);
  if (size >= 2) return copyEnds<uint16_t>(to, from, size);
  if (size == 1) *to = *from;
}

}  // namespace

// Writes the texts of an entry, in the order of Text.
class RecentRequests::TextWriter {
  static_assert(std::tuple_size_v<decltype(Entry::text)> == kMost.back());

 public:
  explicit TextWriter(Entry& entry) : entry_(entry) {}

  void put(Text which, std::string_view text) {
    if (!text.empty()) {
      const size_t most = which == kPath ? entry_.text.size() - at_ : kMost[which];
      const size_t size = std::min(text.size(), most);
      copyShort(entry_.text.data() + at_, text.data(), size);
      at_ += size;
    }
    entry_.ends[which] = static_cast<uint16_t>(at_);
  }

 private:
  Entry& entry_;
  size_t at_ = 0;
};

void RecentRequests::setCapacity(uint32_t entries) {
  if (entries == ring_.size()) return;
  ring_ = std::vector<Entry>(entries);
  ring_.shrink_to_fit();
  next_ = 0;
  last_ = 0;
}

void RecentRequests::add(const RequestHead& request, const StreamInfo& info, const Answer& answer) {
  if (ring_.empty()) return;
  Entry& entry = ring_[next_];
  if (++next_ == ring_.size()) next_ = 0;
  entry.sequence = ++last_;
  entry.start_time = info.start_time;
  entry.connection_id = info.connection_id;
  entry.request_bytes = info.request_bytes;
  entry.response_bytes = info.response_bytes;
  entry.client = info.downstream_remote == nullptr ? network::Address() : *info.downstream_remote;
  entry.endpoint = info.upstream_address == nullptr ? network::Address() : *info.upstream_address;
  entry.flags = info.flags;
  entry.attempts = info.attempts;
  entry.started = info.started;
  entry.request_complete = info.request_complete;
  entry.upstream_started = info.upstream_started;
  entry.first_byte = info.upstream_first_byte;
  entry.response_started = info.response_started;
  entry.ended = info.ended;
  entry.status = info.status;
  entry.grpc_status = info.grpc_status ? static_cast<uint8_t>(*info.grpc_status) : kNoGrpc;
  entry.local = answer.local;
  TextWriter write(entry);
  write.put(kId, info.request_id);
  write.put(kDetail, info.detail);
  write.put(kFilter, answer.filter);
  write.put(kCluster, info.cluster);
  write.put(kRoute, info.route == nullptr ? std::string_view() : info.route->name());
  write.put(kHost, info.route == nullptr ? std::string_view() : info.route->virtualHostName());
  write.put(kMethod, request.method);
  write.put(kAuthority, request.authority);
  write.put(kPath, info.routed_path.empty() ? request.path : info.routed_path);
}

std::string_view RecentRequests::Entry::at(Text which) const {
  const size_t begin = which == 0 ? 0 : ends[which - 1];
  return {text.data() + begin, ends[which] - begin};
}

std::vector<RecentRequest> RecentRequests::find(const RecentQuery& query) const {
  std::vector<RecentRequest> found;
  const uint64_t kept = std::min<uint64_t>(last_, ring_.size());
  for (uint64_t i = 0; i < kept && found.size() < query.limit; ++i) {
    const Entry& entry = ring_[(next_ + ring_.size() - 1 - i) % ring_.size()];
    if (!query.request_id.empty() && entry.at(kId) != query.request_id.substr(0, kMost[kId])) {
      continue;
    }
    if (query.status && entry.status != *query.status) continue;
    found.push_back(shown(entry));
  }
  return found;
}

RecentRequest RecentRequests::shown(const Entry& entry) {
  const auto text = [&entry](Text which) { return std::string(entry.at(which)); };
  const auto reached = [&entry](event::MonotonicTime when) {
    return when == event::MonotonicTime()
               ? std::nullopt
               : std::optional<uint32_t>(microseconds(entry.started, when));
  };
  const auto address = [](const network::Address& of) {
    return of.family() == network::Address::Family::kNone ? std::string() : of.toString();
  };
  RecentRequest to;
  to.start_time = entry.start_time;
  to.request_id = text(kId);
  to.method = text(kMethod);
  to.authority = text(kAuthority);
  to.path = text(kPath);
  to.virtual_host = text(kHost);
  to.route = text(kRoute);
  to.cluster = text(kCluster);
  to.client = address(entry.client);
  to.endpoint = address(entry.endpoint);
  to.detail = text(kDetail);
  to.filter = text(kFilter);
  to.sequence = entry.sequence;
  to.connection_id = entry.connection_id;
  to.request_bytes = entry.request_bytes;
  to.response_bytes = entry.response_bytes;
  to.flags = entry.flags;
  to.attempts = entry.attempts;
  to.request_complete_us = reached(entry.request_complete);
  to.upstream_us = reached(entry.upstream_started);
  to.first_byte_us = reached(entry.first_byte);
  to.response_us = reached(entry.response_started);
  to.took_us = microseconds(entry.started, entry.ended);
  to.status = entry.status;
  if (entry.grpc_status != kNoGrpc) to.grpc_status = static_cast<GrpcStatus>(entry.grpc_status);
  to.local = entry.local;
  return to;
}

}  // namespace weir::http
