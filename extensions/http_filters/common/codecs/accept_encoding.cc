#include "extensions/http_filters/common/codecs/accept_encoding.h"

#include <algorithm>

#include "extensions/http_filters/common/codecs/list_members.h"
#include "source/base/ascii.h"

namespace weir::extensions::http_filters::common::codecs {
namespace {

using http::HeaderId;
using http::HeaderMap;

constexpr int kFull = 1000;
constexpr size_t kMostMembers = 64;  // more are not looked at

}  // namespace

std::optional<int> parseWeight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int value = text[0] == '1' ? kFull : 0;
  if (text.size() == 1) return value;
  if (text[1] != '.') return std::nullopt;
  int place = kFull / 10;
  for (const char digit : text.substr(2)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value += (digit - '0') * place;
    place /= 10;
  }
  return value <= kFull ? std::optional(value) : std::nullopt;
}

AcceptEncoding AcceptEncoding::parse(const HeaderMap& headers) {
  AcceptEncoding accepted;
  if (!headers.has(HeaderId::kAcceptEncoding)) accepted.identity_ = kFull;
  size_t members = 0;
  headers.forEach(HeaderId::kAcceptEncoding, [&](const HeaderMap::Field& field) {
    forEachMember(field.value, [&](std::string_view member) {
      if (members++ < kMostMembers) accepted.add(member);
    });
  });
  return accepted;
}

void AcceptEncoding::add(std::string_view member) {
  const size_t semicolon = member.find(';');
  const std::string_view name = base::trimOws(member.substr(0, semicolon));
  int weight = kFull;
  if (semicolon != std::string_view::npos) {
    const std::string_view parameter = base::trimOws(member.substr(semicolon + 1));
    if (!base::startsWithIgnoreCase(parameter, "q=")) return;
    const auto parsed = parseWeight(parameter.substr(2));
    if (!parsed) return;
    weight = *parsed;
  }
  if (name == "*") {
    any_ = weight;
  } else if (base::equalsIgnoreCase(name, "identity")) {
    identity_ = weight;
  } else if (const auto coding = codingOf(name)) {
    weights_[static_cast<size_t>(*coding)] = weight;
  }
}

int AcceptEncoding::weight(Coding coding) const {
  const int said = weights_[static_cast<size_t>(coding)];
  if (said != kUnsaid) return said;
  return std::max(any_, 0);
}

// Without a word about it, it is acceptable, and the last choice.
int AcceptEncoding::identityWeight() const {
  if (identity_ != kUnsaid) return identity_;
  return any_ == 0 ? 0 : 1;
}

std::optional<Coding> AcceptEncoding::choose(std::span<const Coding> offered) const {
  std::optional<Coding> best;
  int best_weight = 0;
  for (const Coding coding : offered) {
    if (weight(coding) <= best_weight) continue;
    best = coding;
    best_weight = weight(coding);
  }
  if (identity_ != kUnsaid && identity_ > best_weight) return std::nullopt;
  return best;
}

void addVary(HeaderMap& headers, std::string_view name) {
  bool there = false;
  headers.forEach(HeaderId::kVary, [&](const HeaderMap::Field& field) {
    forEachMember(field.value, [&](std::string_view member) {
      there |= member == "*" || base::equalsIgnoreCase(member, name);
    });
  });
  if (there) return;
  const std::string_view before = headers.get(HeaderId::kVary);
  if (before.empty() || headers.count(HeaderId::kVary) > 1) {
    return headers.add(HeaderId::kVary, name);
  }
  constexpr std::string_view kComma = ", ";
  const size_t size = before.size() + kComma.size() + name.size();
  char* const text = static_cast<char*>(headers.arena().allocate(size, 1));
  char* end = std::copy(before.begin(), before.end(), text);
  end = std::copy(kComma.begin(), kComma.end(), end);
  std::copy(name.begin(), name.end(), end);
  headers.setView(HeaderId::kVary, {text, size});
}

void weakenETag(HeaderMap& headers) {
  const std::string_view tag = headers.get(HeaderId::kETag);
  if (tag.empty() || tag.starts_with("W/")) return;
  char* const text = static_cast<char*>(headers.arena().allocate(tag.size() + 2, 1));
  text[0] = 'W';
  text[1] = '/';
  std::copy(tag.begin(), tag.end(), text + 2);
  headers.setView(HeaderId::kETag, {text, tag.size() + 2});
}

}  // namespace weir::extensions::http_filters::common::codecs
