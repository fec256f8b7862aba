#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/regex.h"
#include "source/http/exchange_rules.h"
#include "source/http/path_template.h"

namespace weir::router {

// Replaces what a pattern matches: the first match, or all. Immutable.
struct RegexRewrite {
  base::Regex pattern;
  std::string substitution;  // as Regex::checkRewrite() allows it
  bool all = false;
};

// How the path of a request becomes another one (PathRewriter). Immutable.
struct PathRewrite {
  enum class Kind : uint8_t { kPrefix, kPath, kRegex, kTemplate };
  // Of a template: text, and behind it what the route's path template has captured.
  struct Piece {
    std::string text;
    std::string capture;  // empty: nothing
  };
  Kind kind = Kind::kPath;
  // kPrefix: instead of `matched` at the beginning of the path; kPath: instead of all of it.
  std::string text = {};
  std::string matched = {};
  std::optional<RegexRewrite> regex = {};
  std::vector<Piece> pieces = {};
  std::shared_ptr<const http::PathTemplate> shape = {};  // that of the captures
};

// How the host of a request becomes another one. Immutable.
struct HostRewrite {
  enum class Kind : uint8_t { kLiteral, kHeader, kPathRegex };
  Kind kind = Kind::kLiteral;
  std::string text = {};  // the host, or the name of a field in lower case
  std::optional<RegexRewrite> regex = {};
  bool append_forwarded_host = false;
};

// What is done to the requests of a route, and to their exchanges. Immutable.
struct RouteActions {
  static constexpr uint32_t kDefaultWaitingBytes = 64 * 1024;

  http::ExchangeRules exchange = {};
  // Applied to what goes to a cluster, in this order.
  std::vector<std::shared_ptr<const http::HeaderRules>> request_headers = {};
  std::shared_ptr<const PathRewrite> path = {};  // null: none
  std::optional<HostRewrite> host = {};
  bool original_path_header = false;  // x-weir-original-path
  uint32_t max_waiting_body_bytes = kDefaultWaitingBytes;
};

}  // namespace weir::router
