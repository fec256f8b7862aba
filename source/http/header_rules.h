#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "source/http/format.h"
#include "source/http/header_map.h"

namespace weir::http {

// One change to the fields of a head. Value.
struct HeaderRule {
  // In the order in which they are applied.
  enum class Kind : uint8_t { kRemove, kRemovePrefix, kSet, kAddIfAbsent, kAppend, kAdd };
  Kind kind = Kind::kSet;
  std::string name = {};    // of kRemovePrefix: how names begin
  std::string value = {};   // a Format, written for header values
  bool keep_empty = false;  // of a value that turns out empty; else nothing is added, kSet removes
};

// What is done to the fields of a head, in order of Kind and within that as given. Never touches
// what frames a message, belongs to one connection, or routes. Immutable.
class HeaderRules {
 public:
  static constexpr size_t kMaxRules = 100;
  static constexpr size_t kMaxFormatBytes = 4096;
  static constexpr size_t kMaxValueBytes = 16384;  // the rest is cut off
  static constexpr size_t kMinPrefixBytes = 2;

  HeaderRules() = default;
  // The rules have passed check().
  explicit HeaderRules(std::vector<HeaderRule> rules);

  // What is wrong with a rule: "what; what would be right".
  static absl::Status check(const HeaderRule& rule);
  // A field that rules leave alone: pseudo-fields, Host, framing, hop-by-hop (RFC 9110 7.6.1).
  static bool isProtected(std::string_view name);

  // Values see `entry`; `headers` are those of one of its heads, or its trailers. Memory for values
  // is that of the map. Allocates nothing else in the steady state.
  void apply(const LogEntry& entry, HeaderMap& headers) const;
  bool empty() const { return rules_.empty(); }
  size_t size() const { return rules_.size(); }

 private:
  struct Compiled {
    HeaderRule::Kind kind;
    bool keep_empty;
    bool literal;  // `text` is the value
    HeaderId id;
    std::string name;  // in lower case
    std::string text;
    Format format;
  };
  static void apply(const Compiled& rule, std::string_view value, HeaderMap& headers);
  std::vector<Compiled> rules_;
};

}  // namespace weir::http
