#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/message.h"
#include "source/http/path_template.h"
#include "source/http/stream_info.h"
#include "source/router/route_conditions.h"
#include "source/router/route_explanation.h"
#include "source/router/route_table.h"

namespace {

using weir::http::TextMatcher;
using weir::router::PathMatch;
using weir::router::RouteConditions;
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

// "GET x-name: value" as conditions; without a colon the method alone.
std::shared_ptr<const RouteConditions> conditionsOf(std::string_view text) {
  auto conditions = std::make_shared<RouteConditions>();
  const size_t space = text.find(' ');
  if (space != 0) conditions->methods.emplace_back(text.substr(0, space));
  const std::string_view field =
      space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  const size_t colon = field.find(':');
  if (colon == std::string_view::npos || colon == 0) return conditions;
  const std::string_view value = field.substr(colon + 1);
  conditions->headers.emplace_back(field.substr(0, colon),
                                   value.ends_with('*')
                                       ? TextMatcher::prefix(value.substr(0, value.size() - 1))
                                       : TextMatcher::exact(value));
  return conditions;
}

// "authority path field: value": what resolve() finds is what asking one route after the other
// does.
void ask(const RouteTable& table, std::string_view question) {
  weir::http::RequestHead head;
  const weir::http::StreamInfo info;
  const auto word = [&question] {
    const std::string_view first = question.substr(0, question.find(' '));
    question.remove_prefix(std::min(question.size(), first.size() + 1));
    return first;
  };
  head.method = "GET";
  head.authority = word();
  head.path = word();
  while (!question.empty()) {
    const std::string_view field = word();
    const size_t colon = field.find(':');
    if (colon == 0 || colon == std::string_view::npos) continue;
    head.headers.add(field.substr(0, colon), field.substr(colon + 1));
  }
  if (table.resolve(head, info) != table.explain(head, info).found) abort();
  const RouteEntry* const bare = table.match(head.authority, head.pathWithoutQuery());
  if (bare != nullptr && bare->conditions != nullptr) abort();
  const RouteEntry* const found = table.explain(head, info).found;
  if (found == nullptr || found->pathTemplate() == nullptr) return;
  if (!head.path.starts_with('/')) return;
  for (const auto& capture : found->pathTemplate()->captures()) {
    const auto value = found->pathTemplate()->capture(head.path, capture.name);
    if (!value) abort();
    if (value->find('?') != std::string_view::npos) abort();
  }
}

}  // namespace

// Each line: "d domain", "e exact", "p prefix", "s segment prefix", "r regex", "t template", in
// capitals whatever the case; "c METHOD name:value" with conditions for the route before; "q
// authority path name:value" to look up. A table that compiles answers as the naive reading of it
// does.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Kind = PathMatch::Kind;
  VirtualHost host{.name = "fuzz", .domains = {}, .routes = {}};
  std::vector<std::string_view> questions;
  for (std::string_view line : linesOf({reinterpret_cast<const char*>(data), size})) {
    if (line.size() < 2) continue;
    const std::string text(line.substr(2));
    constexpr std::string_view kKinds = "epsrt";
    const bool any_case = line[0] >= 'A' && line[0] <= 'Z';
    const char letter = static_cast<char>(any_case ? line[0] | 0x20 : line[0]);
    const size_t kind = kKinds.find(letter);
    if (kind != std::string_view::npos) {
      if (letter == 'r' && text.size() > 64) continue;
      RouteEntry route;
      route.match = {static_cast<Kind>(kind), text, any_case};
      host.routes.push_back(route);
    } else if (line[0] == 'd') {
      host.domains.push_back(text);
    } else if (line[0] == 'q') {
      questions.push_back(line.substr(2));
    } else if (line[0] == 'c' && !host.routes.empty()) {
      host.routes.back().conditions = conditionsOf(line.substr(2));
    }
  }
  const auto table = RouteTable::compile({host});
  if (!table.ok()) return 0;
  for (const std::string_view question : questions) ask(**table, question);
  return 0;
}
