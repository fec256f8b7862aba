#include "source/router/path_trie.h"

#include <utility>

namespace weir::router {

// A node to fill: the sorted prefixes [begin, end) share their first `depth` bytes.
struct PathTrie::Range {
  uint32_t node;
  size_t begin;
  size_t end;
  size_t depth;
};

namespace {

size_t commonPrefix(std::string_view a, std::string_view b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(ends.first - a.begin());
}

}  // namespace

void PathTrie::build(std::vector<Prefix> prefixes) {
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

void PathTrie::fillNode(const Range& range, const std::vector<Prefix>& prefixes,
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

}  // namespace weir::router
