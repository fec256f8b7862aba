#include <algorithm>
#include <cstring>

#include "source/http/message.h"
#include "source/plugin/handles.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/kinds/picks.h"

// What plugins may ask of the endpoints and the request of a choice.
namespace weir::plugin {
namespace {

using upstream::Health;

const Hosts& hostsOf(const weir_hosts* handle) {
  return *reinterpret_cast<const Hosts*>(handle);
}

const upstream::PickContext& pickOf(const weir_pick* handle) {
  return *reinterpret_cast<const upstream::PickContext*>(handle);
}

bool has(const weir_hosts* hosts, uint32_t index) {
  return index < hostsOf(hosts).members.size();
}

uint32_t healthOf(Health health) {
  switch (health) {
    case Health::kUnknown:
      return WEIR_HEALTH_UNKNOWN;
    case Health::kHealthy:
      return WEIR_HEALTH_HEALTHY;
    case Health::kDegraded:
      return WEIR_HEALTH_DEGRADED;
    case Health::kUnhealthy:
      return WEIR_HEALTH_UNHEALTHY;
    case Health::kDraining:
      return WEIR_HEALTH_DRAINING;
    case Health::kDisabled:
      return WEIR_HEALTH_DISABLED;
  }
  return WEIR_HEALTH_UNKNOWN;
}

weir_str addressText(const network::Address& address, weir_scratch* scratch) {
  const std::string text = address.toString();
  const size_t size = std::min(text.size(), sizeof scratch->bytes);
  std::memcpy(scratch->bytes, text.data(), size);
  return {scratch->bytes, size};
}

uint32_t hostsSize(const weir_hosts* hosts) {
  return static_cast<uint32_t>(hostsOf(hosts).members.size());
}

int32_t endpoint(const weir_hosts* hosts, uint32_t index, weir_endpoint* out) {
  if (!has(hosts, index)) return 0;
  const auto& host = hostsOf(hosts).host(index);
  weir_endpoint facts{};
  facts.size = out->size;
  facts.weight = host.endpoint->weight;
  facts.priority = host.endpoint->priority;
  facts.health = healthOf(host.health);
  facts.id = str(host.endpoint->id);
  facts.locality = str(host.endpoint->locality);
  facts.uid = host.uid;
  std::memcpy(out, &facts, std::min<size_t>(out->size, sizeof facts));
  return 1;
}

int32_t endpointAddress(const weir_hosts* hosts, uint32_t index, weir_scratch* scratch,
                        weir_str* out) {
  *out = {};
  if (!has(hosts, index)) return 0;
  *out = addressText(hostsOf(hosts).host(index).endpoint->address, scratch);
  return 1;
}

int32_t endpointMetadata(const weir_hosts* hosts, uint32_t index, weir_str key, weir_str* out) {
  *out = {};
  if (!has(hosts, index)) return 0;
  const std::string_view wanted = view(key);
  // Few have more than a handful, and the map is searched by std::string only.
  for (const auto& [name, value] : hostsOf(hosts).host(index).endpoint->metadata) {
    if (name != wanted) continue;
    *out = str(value);
    return 1;
  }
  return 0;
}

uint32_t inFlight(const weir_hosts* hosts, uint32_t index) {
  return has(hosts, index) ? hostsOf(hosts).loads->inFlight(hostsOf(hosts).members[index]) : 0;
}

int32_t full(const weir_hosts* hosts, uint32_t index) {
  return has(hosts, index) && hostsOf(hosts).loads->full(hostsOf(hosts).members[index]) ? 1 : 0;
}

int32_t tried(const weir_pick* pick, const weir_hosts* hosts, uint32_t index) {
  return has(hosts, index) && upstream::isTried(pickOf(pick), hostsOf(hosts).members[index]) ? 1
                                                                                             : 0;
}

uint32_t attempt(const weir_pick* pick) {
  return pickOf(pick).attempt;
}

int32_t hash(const weir_pick* pick, uint64_t* out) {
  const auto& value = pickOf(pick).hash;
  *out = value.value_or(0);
  return value.has_value() ? 1 : 0;
}

const weir_headers* headers(const weir_pick* pick) {
  const http::RequestHead* const request = pickOf(pick).request;
  return request == nullptr ? nullptr : handleOf(*request);
}

const weir_info* info(const weir_pick* pick) {
  const http::StreamInfo* const info = pickOf(pick).info;
  return info == nullptr ? nullptr : handleOf(*info);
}

int32_t source(const weir_pick* pick, weir_scratch* scratch, weir_str* out) {
  *out = {};
  const network::Address* const address = pickOf(pick).source;
  if (address == nullptr || address->family() == network::Address::Family::kNone) return 0;
  *out = addressText(*address, scratch);
  return 1;
}

}  // namespace

constinit const weir_balancer_api kBalancerApi{
    .size = sizeof(weir_balancer_api),
    .reserved = 0,
    .hosts_size = hostsSize,
    .endpoint = endpoint,
    .endpoint_address = endpointAddress,
    .endpoint_metadata = endpointMetadata,
    .in_flight = inFlight,
    .full = full,
    .tried = tried,
    .attempt = attempt,
    .hash = hash,
    .headers = headers,
    .info = info,
    .source = source,
};

}  // namespace weir::plugin
