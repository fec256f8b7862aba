#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "source/base/ascii.h"
#include "source/base/string_map.h"
#include "source/http/path_template.h"

namespace weir::router {

// Path templates in a trie of segments. A segment of a path is looked up once among all literals,
// then each step is a number. A walk follows literals before "*", both where there are both, so it
// costs as much as there are templates that agree with the path from its beginning on, and ends as
// soon as nothing better can follow. Immutable once built.
class TemplateTrie {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // All with the same ignoresCase(). Of two that match the same paths the one with the smaller
  // route counts.
  void add(const http::PathTemplate& pattern, uint32_t route);
  // After the last.
  void finish();
  bool empty() const { return nodes_.empty(); }

  // Calls accept(route, best) for templates that match, as long as there may be one with a smaller
  // route than `best`, which accept() makes smaller.
  template <bool kFold, class Accept>
  void walk(std::string_view path, uint32_t& best, Accept&& accept) const;

 private:
  static constexpr size_t kMaxSegments = http::PathTemplate::kMaxSegments;
  struct Node {
    uint32_t one = kNone;       // node behind "*"
    uint32_t end = kNone;       // first route that ends here
    uint32_t rest = kNone;      // first route with "**" here
    uint32_t smallest = kNone;  // of this node and all below
    bool literals = false;      // some literal goes on from here
  };
  // What the path's segments are among the literals.
  struct Path {
    std::array<uint32_t, kMaxSegments> literal;  // kNone: in no template
    std::array<bool, kMaxSegments> empty;
    size_t size = 0;
    bool longer = false;  // it has more than any template may have
  };

  static uint64_t edge(uint32_t node, uint32_t literal) { return uint64_t{node} << 32 | literal; }
  uint32_t childOf(uint32_t node, const http::PathTemplate::Segment& segment, bool fold);
  template <bool kFold>
  Path read(std::string_view path) const;
  template <bool kFold>
  uint32_t literalOf(std::string_view segment) const;
  template <class Accept>
  void visit(uint32_t at, const Path& path, size_t depth, uint32_t& best, Accept& accept) const;

  std::vector<Node> nodes_;  // the root first; children behind their parents
  base::StringMap<uint32_t> literals_;
  absl::flat_hash_map<uint64_t, uint32_t> edges_;
};

template <bool kFold>
uint32_t TemplateTrie::literalOf(std::string_view segment) const {
  std::array<char, http::PathTemplate::kMaxLiteralBytes> lower;
  if (kFold) {
    if (segment.size() > lower.size()) return kNone;
    for (size_t i = 0; i < segment.size(); ++i) lower[i] = base::toLower(segment[i]);
    segment = {lower.data(), segment.size()};
  }
  const auto found = literals_.find(segment);
  return found == literals_.end() ? kNone : found->second;
}

template <bool kFold>
TemplateTrie::Path TemplateTrie::read(std::string_view path) const {
  Path read;
  http::PathSegments segments(path);
  while (!segments.done()) {
    if (read.size == kMaxSegments) {
      read.longer = true;
      break;
    }
    const std::string_view segment = segments.next();
    read.literal[read.size] = literalOf<kFold>(segment);
    read.empty[read.size++] = segment.empty();
  }
  return read;
}

template <bool kFold, class Accept>
void TemplateTrie::walk(std::string_view path, uint32_t& best, Accept&& accept) const {
  if (nodes_.empty() || nodes_.front().smallest >= best || !path.starts_with('/')) return;
  visit(0, read<kFold>(path), 0, best, accept);
}

// Recursive, no deeper than a template may be.
template <class Accept>
void TemplateTrie::visit(uint32_t at, const Path& path, size_t depth, uint32_t& best,
                         Accept& accept) const {
  const Node& node = nodes_[at];
  if (node.smallest >= best) return;
  if (node.rest < best) accept(node.rest, best);
  if (depth == path.size) {
    if (node.end < best && !path.longer) accept(node.end, best);
    return;
  }
  if (node.literals && path.literal[depth] != kNone) {
    const auto next = edges_.find(edge(at, path.literal[depth]));
    if (next != edges_.end()) visit(next->second, path, depth + 1, best, accept);
  }
  if (node.one != kNone && !path.empty[depth]) visit(node.one, path, depth + 1, best, accept);
}

}  // namespace weir::router
