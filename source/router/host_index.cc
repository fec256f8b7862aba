#include "source/router/host_index.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::router {

namespace {

// Where the port's colon stands; npos without one. "[::1]:80" has its colon behind the bracket.
size_t portColon(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return colon;
  const size_t bracket = authority.rfind(']');
  if (bracket != std::string_view::npos && bracket > colon) return std::string_view::npos;
  return colon;
}

bool isHostByte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
         byte == '.' || byte == '_' || byte == '~';
}

bool isIpv6Byte(char byte) {
  return (byte >= 'a' && byte <= 'f') || (byte >= '0' && byte <= '9') || byte == ':' || byte == '.';
}

absl::Status bad(std::string_view domain, std::string_view why) {
  return absl::InvalidArgumentError(base::concat("domain \"", domain, "\": ", why));
}

// The host part: neither empty nor with anything but a name's or literal's bytes.
absl::Status checkHost(std::string_view domain, std::string_view host) {
  if (host.empty()) return bad(domain, "is empty; write a host name or \"*\"");
  if (host.front() == '[') {
    const std::string_view inside = host.substr(1, host.size() - 2);
    if (host.size() < 4 || host.back() != ']' ||
        !std::all_of(inside.begin(), inside.end(), isIpv6Byte)) {
      return bad(domain, "is no IPv6 literal; write it like \"[2001:db8::1]\"");
    }
    return absl::OkStatus();
  }
  if (host.find('*') != std::string_view::npos) {
    return bad(domain, "has a wildcard in an odd place; write \"*.suffix\", \"prefix.*\" or \"*\"");
  }
  if (!std::all_of(host.begin(), host.end(), isHostByte)) {
    return bad(domain,
               "has a character that no host has; write a host name without scheme and path");
  }
  if (host.find("..") != std::string_view::npos || host == ".") {
    return bad(domain, "has an empty label");
  }
  return absl::OkStatus();
}

absl::Status checkPort(std::string_view domain, std::string_view port) {
  uint16_t number = 0;
  const auto end = std::from_chars(port.data(), port.data() + port.size(), number);
  if (end.ec != std::errc() || end.ptr != port.data() + port.size() || port.starts_with('0')) {
    return bad(domain, "has a bad port; write 1 to 65535, or none");
  }
  return absl::OkStatus();
}

}  // namespace

bool HostIndex::Wildcards::add(std::string_view text, uint32_t host) {
  lengths.set(text.size());
  return hosts.emplace(text, host).second;
}

uint32_t HostIndex::Wildcards::find(std::string_view text) const {
  if (!lengths.test(text.size())) return kNone;
  const auto found = hosts.find(text);
  return found == hosts.end() ? kNone : found->second;
}

absl::Status HostIndex::add(std::string_view domain, uint32_t host) {
  const std::string text = base::lowered(domain);
  const absl::Status taken = bad(domain, "is used twice; each domain belongs to one virtual host");
  if (text.size() > kMaxDomainBytes) return bad(domain, "is longer than a host name can be");
  if (text == "*") {
    if (any_ != kNone) return taken;
    any_ = host;
    return absl::OkStatus();
  }
  std::string_view name = text;
  const size_t colon = portColon(text);
  if (colon != std::string_view::npos) {
    if (absl::Status port = checkPort(domain, name.substr(colon + 1)); !port.ok()) return port;
    name = name.substr(0, colon);
  }
  if (name.ends_with(".*")) {
    if (colon != std::string_view::npos) return bad(domain, "\"prefix.*\" takes no port");
    name.remove_suffix(1);
    if (absl::Status ok = checkHost(domain, name.substr(0, name.size() - 1)); !ok.ok()) return ok;
    return prefixes_.add(name, host) ? absl::OkStatus() : taken;
  }
  if (name.ends_with('.')) return bad(domain, "ends with a dot; leave it out");
  const bool suffix = name.starts_with("*.");
  const absl::Status valid = checkHost(domain, suffix ? name.substr(2) : name);
  if (!valid.ok()) return valid;
  has_ports_ |= colon != std::string_view::npos;
  if (suffix) return suffixes_.add(text.substr(1), host) ? absl::OkStatus() : taken;
  return exact_.emplace(text, host).second ? absl::OkStatus() : taken;
}

uint32_t HostIndex::find(std::string_view authority) const {
  if (exact_.empty() && suffixes_.hosts.empty() && prefixes_.hosts.empty()) return any_;
  if (authority.size() > kMaxDomainBytes + 1) return any_;
  std::array<char, kMaxDomainBytes + 1> lower;
  std::transform(authority.begin(), authority.end(), lower.begin(), base::toLower);
  const std::string_view whole(lower.data(), authority.size());
  const size_t colon = portColon(whole);
  std::string_view host = whole.substr(0, colon);
  std::string_view with_port;  // empty when there is none, or no domain that could care
  if (host.ends_with('.') && host.size() > 1) host.remove_suffix(1);
  if (has_ports_ && colon != std::string_view::npos) {
    // Close the gap that a trailing dot left.
    const std::string_view port = whole.substr(colon);
    char* end = std::copy(port.begin(), port.end(), lower.data() + host.size());
    with_port = {lower.data(), static_cast<size_t>(end - lower.data())};
  }
  if (host.size() > kMaxDomainBytes || with_port.size() > kMaxDomainBytes) return any_;

  uint32_t found = with_port.empty() ? kNone : findExact(with_port);
  if (found == kNone) found = findExact(host);
  if (found == kNone && !with_port.empty()) found = findSuffix(with_port);
  if (found == kNone) found = findSuffix(host);
  if (found == kNone) found = findPrefix(host);
  return found == kNone ? any_ : found;
}

uint32_t HostIndex::findExact(std::string_view host) const {
  const auto found = exact_.find(host);
  return found == exact_.end() ? kNone : found->second;
}

uint32_t HostIndex::findSuffix(std::string_view host) const {
  if (suffixes_.hosts.empty()) return kNone;
  for (size_t dot = host.find('.', 1); dot != std::string_view::npos;
       dot = host.find('.', dot + 1)) {
    const uint32_t found = suffixes_.find(host.substr(dot));
    if (found != kNone) return found;
  }
  return kNone;
}

uint32_t HostIndex::findPrefix(std::string_view host) const {
  if (prefixes_.hosts.empty()) return kNone;
  // The wildcard stands for something: no prefix reaches the end.
  for (size_t end = host.size(); end >= 2;) {
    const size_t dot = host.rfind('.', end - 2);
    if (dot == std::string_view::npos || dot == 0) return kNone;
    const uint32_t found = prefixes_.find(host.substr(0, dot + 1));
    if (found != kNone) return found;
    end = dot + 1;
  }
  return kNone;
}

}  // namespace weir::router
