#include "source/router/template_trie.h"

#include <algorithm>

namespace weir::router {

using Kind = http::PathTemplate::Kind;

uint32_t TemplateTrie::childOf(uint32_t node, const http::PathTemplate::Segment& segment,
                               bool fold) {
  const auto next = static_cast<uint32_t>(nodes_.size());
  uint32_t child = next;
  if (segment.kind == Kind::kOne) {
    if (nodes_[node].one == kNone) nodes_[node].one = next;
    child = nodes_[node].one;
  } else {
    const auto number = static_cast<uint32_t>(literals_.size());
    const auto literal =
        literals_.emplace(fold ? base::lowered(segment.literal) : segment.literal, number).first;
    child = edges_.emplace(edge(node, literal->second), next).first->second;
    nodes_[node].literals = true;
  }
  if (child == next) nodes_.emplace_back();
  return child;
}

void TemplateTrie::add(const http::PathTemplate& pattern, uint32_t route) {
  if (nodes_.empty()) nodes_.emplace_back();
  uint32_t at = 0;
  for (const http::PathTemplate::Segment& segment : pattern.segments()) {
    if (segment.kind == Kind::kRest) {
      nodes_[at].rest = std::min(nodes_[at].rest, route);
      return;
    }
    at = childOf(at, segment, pattern.ignoresCase());
  }
  nodes_[at].end = std::min(nodes_[at].end, route);
}

void TemplateTrie::finish() {
  for (Node& node : nodes_) node.smallest = std::min(node.end, node.rest);
  std::vector<uint32_t> parents(nodes_.size(), 0);
  for (const auto& [edge, child] : edges_) parents[child] = static_cast<uint32_t>(edge >> 32);
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].one != kNone) parents[nodes_[i].one] = i;
  }
  for (size_t i = nodes_.size(); i-- > 1;) {
    Node& parent = nodes_[parents[i]];
    parent.smallest = std::min(parent.smallest, nodes_[i].smallest);
  }
}

}  // namespace weir::router
