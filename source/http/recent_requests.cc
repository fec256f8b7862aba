#include "source/http/recent_requests.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "source/http/route.h"

namespace weir::http {
namespace {

constexpr uint8_t kNoGrpc = 0xff;

// So much of each is kept at most, by Text; what is left of the room goes to the path.
constexpr std::array<uint16_t, 9> kMost = {64, 48, 32, 40, 40, 32, 16, 64, 346};

uint32_t microseconds(event::MonotonicTime from, event::MonotonicTime to) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(took, 0, ~uint32_t{0} - 1));
}

}  // namespace

void RecentRequests::setCapacity(uint32_t entries) {
  if (entries == ring_.size()) return;
  ring_ = std::vector<Entry>(entries);
  ring_.shrink_to_fit();
  last_ = 0;
}

void RecentRequests::add(const RequestHead& request, const StreamInfo& info, const Answer& answer) {
  if (ring_.empty()) return;
  Entry& entry = ring_[last_ % ring_.size()];
  entry.sequence = ++last_;
  entry.start_time = info.start_time;
  entry.connection_id = info.connection_id;
  entry.request_bytes = info.request_bytes;
  entry.response_bytes = info.response_bytes;
  entry.client = info.downstream_remote == nullptr ? network::Address() : *info.downstream_remote;
  entry.endpoint = info.upstream_address == nullptr ? network::Address() : *info.upstream_address;
  entry.flags = info.flags;
  entry.attempts = info.attempts;
  const auto since = [&info](event::MonotonicTime reached) {
    return reached == event::MonotonicTime() ? kNever : microseconds(info.started, reached);
  };
  entry.request_complete_us = since(info.request_complete);
  entry.upstream_us = since(info.upstream_started);
  entry.first_byte_us = since(info.upstream_first_byte);
  entry.response_us = since(info.response_started);
  entry.took_us = microseconds(info.started, info.ended);
  entry.status = info.status;
  entry.grpc_status = info.grpc_status ? static_cast<uint8_t>(*info.grpc_status) : kNoGrpc;
  entry.local = answer.local;
  const Route* const route = info.route;
  const std::array<std::string_view, kTexts> texts = {
      info.request_id,
      info.detail,
      answer.filter,
      info.cluster,
      route == nullptr ? std::string_view() : route->name(),
      route == nullptr ? std::string_view() : route->virtualHostName(),
      request.method,
      request.authority,
      info.routed_path.empty() ? request.path : info.routed_path};
  size_t at = 0;
  for (size_t i = 0; i < kTexts; ++i) {
    const size_t size = std::min({texts[i].size(), size_t{kMost[i]}, entry.text.size() - at});
    if (size > 0) std::memcpy(entry.text.data() + at, texts[i].data(), size);
    at += size;
    entry.ends[i] = static_cast<uint16_t>(at);
  }
}

std::string_view RecentRequests::Entry::at(Text which) const {
  const size_t begin = which == 0 ? 0 : ends[which - 1];
  return {text.data() + begin, ends[which] - begin};
}

std::vector<RecentRequest> RecentRequests::find(const RecentQuery& query) const {
  std::vector<RecentRequest> found;
  const uint64_t kept = std::min<uint64_t>(last_, ring_.size());
  for (uint64_t i = 0; i < kept && found.size() < query.limit; ++i) {
    const Entry& entry = ring_[(last_ - 1 - i) % ring_.size()];
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
  const auto reached = [](uint32_t us) {
    return us == kNever ? std::nullopt : std::optional<uint32_t>(us);
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
  to.request_complete_us = reached(entry.request_complete_us);
  to.upstream_us = reached(entry.upstream_us);
  to.first_byte_us = reached(entry.first_byte_us);
  to.response_us = reached(entry.response_us);
  to.took_us = entry.took_us;
  to.status = entry.status;
  if (entry.grpc_status != kNoGrpc) to.grpc_status = static_cast<GrpcStatus>(entry.grpc_status);
  to.local = entry.local;
  return to;
}

}  // namespace weir::http
