#include "source/router/path_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "source/base/concat.h"

namespace weir::router {

// A node to fill: the sorted prefixes [begin, end) share their first `depth` bytes.
struct PathIndex::Range {
  uint32_t node;
  size_t begin;
  size_t end;
  size_t depth;
};

namespace {

absl::Status badPath(size_t route, const std::string& text) {
  return absl::InvalidArgumentError(base::concat(
      "route ", route, ": path \"", text, "\" does not start with \"/\"; write \"/", text, "\""));
}

size_t commonPrefix(std::string_view a, std::string_view b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(ends.first - a.begin());
}

}  // namespace

absl::StatusOr<PathIndex> PathIndex::build(std::span<const RouteEntry> routes) {
  PathIndex index;
  std::vector<Prefix> prefixes;
  std::vector<std::string> patterns;
  for (uint32_t i = 0; i < routes.size(); ++i) {
    const PathMatch& match = routes[i].match;
    const bool is_regex = match.kind == PathMatch::Kind::kRegex;
    if (!is_regex && !match.text.starts_with('/')) return badPath(i, match.text);
    switch (match.kind) {
      case PathMatch::Kind::kExact:
        index.exact_.emplace(match.text, i);  // an earlier one stays
        break;
      case PathMatch::Kind::kPrefix:
        prefixes.push_back({match.text, i, false});
        break;
      case PathMatch::Kind::kSegmentPrefix:
        prefixes.push_back({match.text, i, !match.text.ends_with('/')});
        break;
      case PathMatch::Kind::kRegex:
        patterns.push_back(match.text);
        index.regex_routes_.push_back(i);
        break;
    }
  }
  index.buildTrie(std::move(prefixes));
  if (!patterns.empty()) {
    absl::StatusOr<base::RegexSet> set = base::RegexSet::compile(patterns);
    if (!set.ok()) return set.status();
    index.regexes_.push_back(*std::move(set));
  }
  return index;
}

void PathIndex::buildTrie(std::vector<Prefix> prefixes) {
  if (prefixes.empty()) return;
  std::stable_sort(prefixes.begin(), prefixes.end(),
                   [](const Prefix& a, const Prefix& b) { return a.text < b.text; });
  nodes_.resize(1);
  first_bytes_.assign(1, '/');
  std::vector<Range> queue{{0, 0, prefixes.size(), 0}};
  for (size_t i = 0; i < queue.size(); ++i) {
    const Range range = queue[i];
    fillNode(range, prefixes, queue);
  }
  // Children stand behind their parents.
  for (size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    node.smallest = std::min(node.prefix, node.segment);
    for (uint32_t c = 0; c < node.child_count; ++c) {
      node.smallest = std::min(node.smallest, nodes_[node.first_child + c].smallest);
    }
  }
}

void PathIndex::fillNode(const Range& range, std::span<const Prefix> prefixes,
                         std::vector<Range>& queue) {
  const std::string_view first = prefixes[range.begin].text;
  // Sorted: what the first and the last share, all share.
  const size_t depth = commonPrefix(first, prefixes[range.end - 1].text);
  const size_t first_child = nodes_.size();
  Node node;
  node.label_begin = static_cast<uint32_t>(labels_.size());
  node.label_size = static_cast<uint32_t>(depth - range.depth);
  labels_.append(first.substr(range.depth, depth - range.depth));
  size_t at = range.begin;
  for (; at < range.end && prefixes[at].text.size() == depth; ++at) {
    uint32_t& slot = prefixes[at].segment ? node.segment : node.prefix;
    slot = std::min(slot, prefixes[at].route);
  }
  node.first_child = static_cast<uint32_t>(first_child);
  while (at < range.end) {
    const char byte = prefixes[at].text[depth];
    const size_t begin = at;
    while (at < range.end && prefixes[at].text[depth] == byte) ++at;
    queue.push_back({static_cast<uint32_t>(nodes_.size()), begin, at, depth});
    nodes_.emplace_back();
    first_bytes_.push_back(byte);
    ++node.child_count;
  }
  nodes_[range.node] = node;
}

uint32_t PathIndex::match(std::string_view path) const {
  uint32_t best = kNone;
  if (!exact_.empty()) {
    const auto found = exact_.find(path);
    if (found != exact_.end()) best = found->second;
  }
  matchPrefixes(path, best);
  if (!regex_routes_.empty() && regex_routes_.front() < best) matchRegexes(path, best);
  return best;
}

void PathIndex::matchPrefixes(std::string_view path, uint32_t& best) const {
  const Node* node = nodes_.empty() ? nullptr : nodes_.data();
  size_t position = 0;
  while (node != nullptr && node->smallest < best) {
    const std::string_view label(labels_.data() + node->label_begin, node->label_size);
    if (!path.substr(position).starts_with(label)) return;
    position += label.size();
    best = std::min(best, node->prefix);
    if (position == path.size()) {
      best = std::min(best, node->segment);
      return;
    }
    if (path[position] == '/') best = std::min(best, node->segment);
    node = child(*node, path[position]);
  }
}

const PathIndex::Node* PathIndex::child(const Node& node, char byte) const {
  if (node.child_count == 0) return nullptr;
  const char* bytes = first_bytes_.data() + node.first_child;
  const void* found = std::memchr(bytes, byte, node.child_count);
  if (found == nullptr) return nullptr;
  return &nodes_[node.first_child + (static_cast<const char*>(found) - bytes)];
}

void PathIndex::matchRegexes(std::string_view path, uint32_t& best) const {
  thread_local std::vector<int> matching;  // keeps its capacity
  if (!regexes_.front().match(path, matching)) return;
  best = std::min(best, regex_routes_[static_cast<size_t>(matching.front())]);
}

}  // namespace weir::router
