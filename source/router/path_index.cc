#include "source/router/path_index.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/hash.h"

namespace weir::router {
namespace {

absl::Status badPath(size_t route, const std::string& text) {
  return absl::InvalidArgumentError(base::concat(
      "route ", route, ": path \"", text, "\" does not start with \"/\"; write \"/", text, "\""));
}

}  // namespace

size_t PathIndex::FoldedHash::operator()(std::string_view text) const {
  uint64_t hash = text.size();
  for (size_t i = 0; i < text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, std::min<size_t>(8, text.size() - i));
    hash = base::mix64((hash << 1 | hash >> 63) ^ base::lowerWord(word));
  }
  return static_cast<size_t>(hash);
}

class PathIndex::Builder {
 public:
  absl::Status add(const RouteEntry& route, uint32_t position) {
    const PathMatch& match = route.match;
    const bool fold = match.ignore_case;
    if (match.kind != PathMatch::Kind::kRegex && !match.text.starts_with('/')) {
      return badPath(position, match.text);
    }
    switch (match.kind) {
      case PathMatch::Kind::kExact:
        if (fold) {
          index_.folded_exact_.emplace(match.text, position);
        } else {
          index_.exact_.emplace(match.text, position);
        }
        break;
      case PathMatch::Kind::kPrefix:
        addPrefix(match.text, position, false, fold);
        break;
      case PathMatch::Kind::kSegmentPrefix:
        addPrefix(match.text, position, !match.text.ends_with('/'), fold);
        break;
      case PathMatch::Kind::kRegex:
        patterns_.push_back(fold ? base::concat("(?i)", match.text) : match.text);
        index_.regex_routes_.push_back(position);
        break;
      case PathMatch::Kind::kTemplate:
        return addTemplate(match, position);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<PathIndex> finish() {
    index_.others_ = !index_.folded_exact_.empty() || !folded_prefixes_.empty() ||
                     !index_.templates_.empty() || !index_.folded_templates_.empty();
    index_.prefixes_.build(std::move(prefixes_));
    index_.folded_prefixes_.build(std::move(folded_prefixes_));
    index_.templates_.finish();
    index_.folded_templates_.finish();
    if (!patterns_.empty()) {
      absl::StatusOr<base::RegexSet> set = base::RegexSet::compile(patterns_);
      if (!set.ok()) return set.status();
      index_.regexes_.push_back(*std::move(set));
    }
    return std::move(index_);
  }

 private:
  void addPrefix(const std::string& text, uint32_t route, bool segment, bool fold) {
    if (!fold) return prefixes_.push_back({text, route, segment});
    texts_.push_back(base::lowered(text));
    folded_prefixes_.push_back({texts_.back(), route, segment});
  }

  absl::Status addTemplate(const PathMatch& match, uint32_t route) {
    const auto parsed = http::PathTemplate::parse(match.text, match.ignore_case);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(base::concat(
          "route ", route, ": path template \"", match.text, "\", ", parsed.status().message()));
    }
    (match.ignore_case ? index_.folded_templates_ : index_.templates_).add(*parsed, route);
    return absl::OkStatus();
  }

  PathIndex index_;
  std::vector<PathTrie::Prefix> prefixes_;
  std::vector<PathTrie::Prefix> folded_prefixes_;
  std::deque<std::string> texts_;  // of those
  std::vector<std::string> patterns_;
};

absl::StatusOr<PathIndex> PathIndex::build(std::span<const RouteEntry> routes,
                                           std::span<const uint32_t> listed) {
  Builder builder;
  for (const uint32_t route : listed) {
    if (absl::Status added = builder.add(routes[route], route); !added.ok()) return added;
  }
  return builder.finish();
}

uint32_t PathIndex::match(std::string_view path) const {
  uint32_t best = kNone;
  find(path, best, [](uint32_t route, uint32_t& smallest) { smallest = route; });
  return best;
}

uint32_t PathIndex::match(std::string_view path, Judge& judge) const {
  uint32_t best = kNone;
  find(path, best,
       [&judge](uint32_t route, uint32_t& smallest) { smallest = judge.judge(route, smallest); });
  return best;
}

// accept(route, best) is only called with routes that are smaller than best.
template <class Accept>
void PathIndex::find(std::string_view path, uint32_t& best, Accept&& accept) const {
  if (!exact_.empty()) {
    const auto found = exact_.find(path);
    if (found != exact_.end()) accept(found->second, best);
  }
  prefixes_.walk<false>(path, best, accept);
  if (others_) findOthers(path, best, accept);
  if (!regex_routes_.empty() && regex_routes_.front() < best) findRegexes(path, best, accept);
}

template <class Accept>
void PathIndex::findOthers(std::string_view path, uint32_t& best, Accept& accept) const {
  if (!folded_exact_.empty()) {
    const auto found = folded_exact_.find(path);
    if (found != folded_exact_.end() && found->second < best) accept(found->second, best);
  }
  folded_prefixes_.walk<true>(path, best, accept);
  templates_.walk<false>(path, best, accept);
  folded_templates_.walk<true>(path, best, accept);
}

template <class Accept>
void PathIndex::findRegexes(std::string_view path, uint32_t& best, Accept& accept) const {
  thread_local std::vector<int> matching;  // keeps its capacity
  if (!regexes_.front().match(path, matching)) return;
  for (const int index : matching) {
    const uint32_t route = regex_routes_[static_cast<size_t>(index)];
    if (route >= best) return;
    accept(route, best);
  }
}

}  // namespace weir::router
