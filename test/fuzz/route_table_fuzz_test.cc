#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "source/router/route_table.h"

namespace {

using weir::router::PathMatch;
using weir::router::RouteEntry;
using weir::router::RouteTable;
using weir::router::VirtualHost;

std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < 64) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// First match, naively; regular expressions are left to their own library.
bool matches(const PathMatch& match, std::string_view path) {
  const std::string& text = match.text;
  switch (match.kind) {
    case PathMatch::Kind::kExact:
      return path == text;
    case PathMatch::Kind::kPrefix:
      return path.starts_with(text);
    case PathMatch::Kind::kSegmentPrefix:
      return path.starts_with(text) &&
             (text.ends_with('/') || path.size() == text.size() || path[text.size()] == '/');
    case PathMatch::Kind::kRegex:
      return false;
  }
  return false;
}

}  // namespace

// Each line: "d domain", "e exact", "p prefix", "s segment prefix", "r regex", or "q authority
// path" to look up. A table that compiles answers as the naive reading of it does.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  VirtualHost host{.name = "fuzz", .domains = {}, .routes = {}};
  std::vector<std::string_view> questions;
  bool has_regex = false;
  for (std::string_view line : linesOf({reinterpret_cast<const char*>(data), size})) {
    if (line.size() < 2) continue;
    const std::string text(line.substr(2));
    RouteEntry route;
    switch (line[0]) {
      case 'd':
        host.domains.push_back(text);
        continue;
      case 'q':
        questions.push_back(line.substr(2));
        continue;
      case 'e':
        route.match = {PathMatch::Kind::kExact, text};
        break;
      case 'p':
        route.match = {PathMatch::Kind::kPrefix, text};
        break;
      case 's':
        route.match = {PathMatch::Kind::kSegmentPrefix, text};
        break;
      case 'r':
        if (text.size() > 64) continue;
        route.match = {PathMatch::Kind::kRegex, text};
        has_regex = true;
        break;
      default:
        continue;
    }
    host.routes.push_back(route);
  }
  const auto table = RouteTable::compile({host});
  if (!table.ok()) return 0;
  for (std::string_view question : questions) {
    const size_t space = question.find(' ');
    const std::string_view authority = question.substr(0, space);
    const std::string_view path =
        space == std::string_view::npos ? std::string_view("/") : question.substr(space + 1);
    const RouteEntry* found = (*table)->match(authority, path);
    if (has_regex || (found == nullptr && (*table)->match("any", "/") == nullptr)) continue;
    if (found == nullptr) continue;
    for (const RouteEntry& route : host.routes) {
      if (!matches(route.match, path)) continue;
      if (route.match.text != found->match.text || route.match.kind != found->match.kind) abort();
      break;
    }
  }
  return 0;
}
