// The character-level rules of semantics.h: RFC 9110 5, RFC 9112 3, RFC 9113 8.2.1, RFC 3986 3.2.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "source/http/semantics.h"

namespace weir::http {
namespace {

enum CharClass : uint8_t {
  kTokenChar = 1,
  kTargetChar = 2,
  kHostChar = 4,
  kValueChar = 8,
  kLowerTokenChar = 16,
};

constexpr bool isAlphanumeric(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::array<uint8_t, 256> makeClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const auto in = [c](std::string_view set) {
      return set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    uint8_t bits = 0;
    if (isAlphanumeric(c) || (c != 0 && in("!#$%&'*+-.^_`|~"))) bits |= kTokenChar;
    if ((bits & kTokenChar) != 0 && !(c >= 'A' && c <= 'Z')) bits |= kLowerTokenChar;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTargetChar;
    if (isAlphanumeric(c) || (c != 0 && in("-._~"))) bits |= kHostChar;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValueChar;
    classes[static_cast<size_t>(c)] = bits;
  }
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = makeClasses();

// Four at a time and without a branch for each: what is looked at here is nearly always right.
bool all(std::string_view text, CharClass wanted) {
  const auto classOf = [&](size_t i) { return kClasses[static_cast<unsigned char>(text[i])]; };
  const size_t size = text.size();
  if (size < 4) {  // some of them twice
    return size == 0 || (classOf(0) & classOf(size / 2) & classOf(size - 1) & wanted) != 0;
  }
  const auto four = [&](size_t i) {
    return classOf(i) & classOf(i + 1) & classOf(i + 2) & classOf(i + 3);
  };
  int common = four(size - 4);
  for (size_t i = 0; i + 4 < size; i += 4) common &= four(i);
  return (common & wanted) != 0;
}

bool isPort(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  unsigned port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 65535;
}

bool isIpv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.empty() || text.size() >= copy.size()) return false;
  if (text.find('\0') != std::string_view::npos) return false;
  std::memcpy(copy.data(), text.data(), text.size());
  in6_addr ignored;
  return inet_pton(AF_INET6, copy.data(), &ignored) == 1;
}

}  // namespace

bool isToken(std::string_view text) {
  return !text.empty() && all(text, kTokenChar);
}

bool isLowerCaseToken(std::string_view text) {
  return !text.empty() && all(text, kLowerTokenChar);
}

bool isFieldValue(std::string_view text) {
  return all(text, kValueChar);
}

bool isMethod(std::string_view text) {
  return isToken(text);
}

bool isTarget(std::string_view text) {
  return !text.empty() && all(text, kTargetChar);
}

bool isAuthority(std::string_view text) {
  if (text.empty()) return false;
  if (text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || !isIpv6(text.substr(1, close - 1))) return false;
    const std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && isPort(rest.substr(1)));
  }
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    if (!isPort({text.data() + colon + 1, text.size() - colon - 1})) return false;
    text.remove_suffix(text.size() - colon);
  }
  return !text.empty() && all(text, kHostChar);
}

bool parseContentLength(std::string_view text, uint64_t& out) {
  constexpr uint64_t kMax = (uint64_t{1} << 63) - 1;
  if (text.empty()) return false;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const uint64_t digit = static_cast<uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) return false;
    value = value * 10 + digit;
  }
  out = value;
  return true;
}

bool parseStatus(std::string_view text, uint16_t& out) {
  if (text.size() != 3 || text.front() == '0') return false;
  unsigned status = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  out = static_cast<uint16_t>(status);
  return true;
}

bool statusHasNoBody(uint16_t status) {
  return status < 200 || status == 204 || status == 304;
}

bool methodIsIdempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kIdempotent = {"GET",    "HEAD",    "PUT",
                                                           "DELETE", "OPTIONS", "TRACE"};
  return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

}  // namespace weir::http
