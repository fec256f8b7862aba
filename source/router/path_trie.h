#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/ascii.h"

namespace weir::router {

// Prefixes of paths, of both kinds, in one radix trie whose nodes know the smallest route below
// them, so that a walk ends as soon as nothing better can follow. Immutable once built.
class PathTrie {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  struct Prefix {
    std::string_view text;  // in lower case for walks that fold
    uint32_t route;
    bool segment;
  };

  void build(std::vector<Prefix> prefixes);
  bool empty() const { return nodes_.empty(); }

  // Calls accept(route, best) for prefixes of `path`, shorter ones first, as long as there may be
  // one with a smaller route than `best`, which accept() makes smaller. kFold: whatever the case of
  // the path's letters.
  template <bool kFold, class Accept>
  void walk(std::string_view path, uint32_t& best, Accept&& accept) const;

 private:
  struct Node {
    uint32_t label_begin = 0;  // into labels_
    uint32_t label_size = 0;
    uint32_t first_child = 0;  // into nodes_ and first_bytes_
    uint32_t child_count = 0;
    uint32_t prefix = kNone;    // first route whose prefix ends here
    uint32_t segment = kNone;   // first route whose segment prefix ends here
    uint32_t smallest = kNone;  // of this node and all below
  };
  struct Range;

  void fillNode(const Range& range, const std::vector<Prefix>& prefixes, std::vector<Range>& queue);
  const Node* child(const Node& node, char byte) const;

  std::vector<Node> nodes_;  // the root first; children of one node side by side, by first byte
  std::string first_bytes_;  // first byte of each node's label, as in nodes_
  std::string labels_;
};

template <bool kFold, class Accept>
void PathTrie::walk(std::string_view path, uint32_t& best, Accept&& accept) const {
  const Node* node = nodes_.empty() ? nullptr : nodes_.data();
  size_t position = 0;
  while (node != nullptr && node->smallest < best) {
    const std::string_view label(labels_.data() + node->label_begin, node->label_size);
    const std::string_view rest = path.substr(position);
    if (kFold ? !base::startsWithIgnoreCase(rest, label) : !rest.starts_with(label)) return;
    position += label.size();
    if (node->prefix < best) accept(node->prefix, best);
    const bool end = position == path.size();
    if (node->segment < best && (end || path[position] == '/')) accept(node->segment, best);
    if (end) return;
    node = child(*node, kFold ? base::toLower(path[position]) : path[position]);
  }
}

inline const PathTrie::Node* PathTrie::child(const Node& node, char byte) const {
  if (node.child_count == 0) return nullptr;
  const char* bytes = first_bytes_.data() + node.first_child;
  const void* found = std::memchr(bytes, byte, node.child_count);
  if (found == nullptr) return nullptr;
  return &nodes_[node.first_child + (static_cast<const char*>(found) - bytes)];
}

}  // namespace weir::router
