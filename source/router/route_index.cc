#include "source/router/route_index.h"

#include <algorithm>
#include <string>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/string_map.h"
#include "source/http/path_template.h"

namespace weir::router {
namespace {

// Routes with the same key match the same paths.
std::string pathKey(const PathMatch& match) {
  using Kind = PathMatch::Kind;
  Kind kind = match.kind;
  std::string text = match.text;
  // Which is a plain prefix.
  if (kind == Kind::kSegmentPrefix && text.ends_with('/')) kind = Kind::kPrefix;
  if (kind == Kind::kTemplate) {
    const auto parsed = http::PathTemplate::parse(text);
    if (parsed.ok()) text = parsed->shape();  // else PathIndex reports it
  }
  if (match.ignore_case && kind != Kind::kRegex) text = base::lowered(text);
  text += static_cast<char>('a' + static_cast<int>(kind));
  text += match.ignore_case ? 'i' : 's';
  return text;
}

}  // namespace

// Chooses among the routes of one path.
class RouteIndex::ByRequest final : public PathIndex::Judge {
 public:
  ByRequest(const RouteIndex& index, std::span<const RouteEntry> routes,
            const http::RequestHead& head, const http::StreamInfo& info)
      : index_(index), routes_(routes), head_(head), info_(info) {}

  uint32_t judge(uint32_t route, uint32_t best) override {
    const uint32_t group = index_.group_of_[route];
    if (group == kNone) return std::min(route, best);
    return index_.conditions_[group].find(routes_, head_, info_, best);
  }

 private:
  const RouteIndex& index_;
  const std::span<const RouteEntry> routes_;
  const http::RequestHead& head_;
  const http::StreamInfo& info_;
};

class RouteIndex::Unconditional final : public PathIndex::Judge {
 public:
  explicit Unconditional(const RouteIndex& index) : index_(index) {}

  uint32_t judge(uint32_t route, uint32_t best) override {
    const uint32_t group = index_.group_of_[route];
    return std::min(best, group == kNone ? route : index_.conditions_[group].unconditional());
  }

 private:
  const RouteIndex& index_;
};

absl::StatusOr<RouteIndex> RouteIndex::build(std::span<const RouteEntry> routes) {
  base::StringMap<uint32_t> numbers;           // of the lists
  std::vector<std::vector<uint32_t>> members;  // by path, ascending
  for (uint32_t i = 0; i < routes.size(); ++i) {
    const auto number =
        numbers.emplace(pathKey(routes[i].match), static_cast<uint32_t>(members.size())).first;
    if (number->second == members.size()) members.emplace_back();
    members[number->second].push_back(i);
  }
  std::vector<uint32_t> firsts;
  for (const std::vector<uint32_t>& group : members) firsts.push_back(group.front());
  absl::StatusOr<PathIndex> paths = PathIndex::build(routes, firsts);
  if (!paths.ok()) return paths.status();
  RouteIndex index(*std::move(paths));
  for (const std::vector<uint32_t>& group : members) {
    if (routes[group.front()].conditions == nullptr) continue;
    absl::StatusOr<ConditionIndex> conditions = ConditionIndex::build(routes, group);
    if (!conditions.ok()) return conditions.status();
    if (index.group_of_.empty()) index.group_of_.assign(routes.size(), kNone);
    index.group_of_[group.front()] = static_cast<uint32_t>(index.conditions_.size());
    index.conditions_.push_back(*std::move(conditions));
  }
  return index;
}

uint32_t RouteIndex::match(std::span<const RouteEntry> routes, std::string_view path,
                           const http::RequestHead& head, const http::StreamInfo& info) const {
  if (group_of_.empty()) return paths_.match(path);
  ByRequest judge(*this, routes, head, info);
  return paths_.match(path, judge);
}

uint32_t RouteIndex::match(std::string_view path) const {
  if (group_of_.empty()) return paths_.match(path);
  Unconditional judge(*this);
  return paths_.match(path, judge);
}

}  // namespace weir::router
