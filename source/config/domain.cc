#include "source/config/domain.h"

#include <algorithm>

#include "absl/strings/ascii.h"

#include "source/base/concat.h"
#include "source/http/semantics.h"

namespace weir::config {
namespace {

absl::Status bad(std::string_view domain, std::string_view problem, std::string_view remedy) {
  return absl::InvalidArgumentError(base::concat("\"", domain, "\" ", problem, "; ", remedy));
}

bool isHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
}

// The part that follows the last colon outside of brackets, with the colon; empty when none.
std::string_view portOf(std::string_view domain) {
  const size_t colon = domain.rfind(':');
  if (colon == std::string_view::npos || domain.find(']', colon) != std::string_view::npos) {
    return {};
  }
  return domain.substr(colon);
}

bool isPort(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  unsigned value = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value >= 1 && value <= 65535;
}

}  // namespace

absl::Status checkDomain(std::string_view domain) {
  if (domain.empty()) return bad(domain, "is no domain", "write \"*\" for any");
  if (domain.find('/') != std::string_view::npos) {
    return bad(domain, "has a slash", "give the host only, without scheme and path");
  }
  const std::string_view port = portOf(domain);
  std::string_view host = domain.substr(0, domain.size() - port.size());
  if (!port.empty() && !isPort(port.substr(1))) {
    return bad(domain, "has a bad port", "use 1 to 65535 or none");
  }
  if (host == "*") return absl::OkStatus();
  if (host.starts_with('[')) {
    if (http::isAuthority(host)) return absl::OkStatus();
    return bad(domain, "is not an IPv6 address in brackets", "write \"[2001:db8::1]\"");
  }
  if (host.starts_with("*.")) {
    host.remove_prefix(2);
  } else if (host.ends_with(".*")) {
    host.remove_suffix(2);
  }
  if (host.find('*') != std::string_view::npos) {
    return bad(domain, "has a \"*\" in the wrong place",
               "write \"*.suffix\", \"prefix.*\" or \"*\"");
  }
  if (host.empty() || !std::all_of(host.begin(), host.end(), isHostCharacter)) {
    return bad(domain, "is not a domain", "use letters, digits, \"-\" and \".\"");
  }
  if (host.starts_with('.') || host.find("..") != std::string_view::npos) {
    return bad(domain, "has an empty label", "write one dot between two labels");
  }
  return absl::OkStatus();
}

}  // namespace weir::config
