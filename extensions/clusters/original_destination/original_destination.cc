#include "extensions/clusters/original_destination/original_destination.h"

#include <algorithm>

#include "source/http/message.h"

namespace weir::extensions::clusters::original_destination {

namespace {

upstream::EndpointSource::Named failure(std::string_view reason) {
  return {std::nullopt, reason};
}

}  // namespace

upstream::EndpointSource::Named OriginalDestination::name(
    const upstream::PickContext& context) const {
  std::optional<network::Address> address;
  if (config_.use_http_header && context.request != nullptr &&
      context.request->headers.has(kHeader)) {
    // Two could be read in two ways.
    if (context.request->headers.count(kHeader) > 1) return failure("original_destination_header");
    auto named = network::Address::parse(context.request->headers.get(kHeader), false);
    if (!named.ok()) return failure("original_destination_header");
    address = *std::move(named);
  } else if (context.original_destination != nullptr) {
    address = *context.original_destination;
  } else {
    return failure("no_original_destination");
  }
  if (config_.port != 0) address = address->withPort(config_.port);
  if (!address->isIp() || address->port() == 0 || address->isWildcard()) {
    return failure("original_destination_invalid");
  }
  if (!allows(*address)) return failure("original_destination_not_allowed");
  return {std::move(address), {}};
}

bool OriginalDestination::allows(const network::Address& address) const {
  return config_.allowed.empty() ||
         std::any_of(config_.allowed.begin(), config_.allowed.end(),
                     [&](const network::Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace weir::extensions::clusters::original_destination
