#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "source/base/regex.h"
#include "source/base/string_map.h"
#include "source/router/route_table.h"

namespace weir::router {

// Finds the first of a list of path matches that holds for a path, at a cost that depends on the
// path's length and not on the length of the list: exact paths by hash, both kinds of prefixes in
// one radix trie whose nodes know the smallest position below them (so that a walk ends as soon as
// nothing better can follow), regular expressions in one set that is only asked when one of them
// stands before the best of the others. Immutable.
class PathIndex {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // The error says which route (by position) and what is wrong.
  static absl::StatusOr<PathIndex> build(std::span<const RouteEntry> routes);

  // Position of the first route that matches, or kNone. Does not allocate, but for what RE2 needs.
  uint32_t match(std::string_view path) const;

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
  struct Prefix {
    std::string_view text;
    uint32_t route;
    bool segment;
  };
  struct Range;

  PathIndex() = default;
  void buildTrie(std::vector<Prefix> prefixes);
  void fillNode(const Range& range, std::span<const Prefix> prefixes, std::vector<Range>& queue);
  void matchPrefixes(std::string_view path, uint32_t& best) const;
  void matchRegexes(std::string_view path, uint32_t& best) const;
  const Node* child(const Node& node, char byte) const;

  base::StringMap<uint32_t> exact_;
  std::vector<Node> nodes_;  // the root first; children of one node side by side, by first byte
  std::string first_bytes_;  // first byte of each node's label, as in nodes_
  std::string labels_;
  std::vector<base::RegexSet> regexes_;  // none or one
  std::vector<uint32_t> regex_routes_;   // ascending
};

}  // namespace weir::router
